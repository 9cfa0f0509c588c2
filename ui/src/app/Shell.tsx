import { Link, Outlet } from "@tanstack/react-router";
import { BookOpenText, Menu as MenuIcon, Search } from "lucide-react";
import { useEffect, useState } from "react";
import { useReached } from "@/api/reach";
import { IconButton } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Kbd } from "@/components/Values";
import { classes } from "@/lib/classes";
import { useWhoami } from "@/session/whoami";
import { AccountMenu } from "./AccountMenu";
import { CommandPalette } from "./CommandPalette";
import { PLACES } from "./navigation";

/** What is around every page: the menu at the left, and a bar at the top. */
export function Shell() {
  const [palette, setPalette] = useState(false);
  const [drawer, setDrawer] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey) || event.shiftKey) return;
      event.preventDefault();
      setPalette((open) => !open);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
  return (
    <div className="flex h-dvh">
      <a
        href="#main"
        className="absolute -top-20 left-3 z-50 rounded-md bg-accent-strong px-3 py-2 text-sm text-on-accent focus:top-3"
      >
        Skip to the page
      </a>
      <aside className="hidden w-52 shrink-0 flex-col border-r border-line bg-sunken md:flex">
        <Brand />
        <Places />
      </aside>
      {drawer && (
        <Dialog title="Penstock" place="left" onClose={() => setDrawer(false)}>
          <Places onChosen={() => setDrawer(false)} />
        </Dialog>
      )}
      <div className="flex min-w-0 grow flex-col">
        <header className="flex h-12 shrink-0 items-center gap-2 border-b border-line bg-page px-2 md:px-4">
          <IconButton label="Menu" className="md:hidden" onClick={() => setDrawer(true)}>
            <MenuIcon aria-hidden size={18} />
          </IconButton>
          <Whereabouts />
          <button
            type="button"
            onClick={() => setPalette(true)}
            className="ml-auto inline-flex h-8 items-center gap-2 rounded-md border border-line-strong bg-raised px-2.5 text-sm text-quiet hover:border-quiet md:w-56"
          >
            <Search aria-hidden size={14} />
            <span className="mr-auto max-md:sr-only">Search or go to</span>
            <span className="max-md:hidden">
              <Kbd>Ctrl K</Kbd>
            </span>
          </button>
          <AccountMenu />
        </header>
        <Unreached />
        <main id="main" tabIndex={-1} className="flex min-h-0 grow flex-col outline-none">
          <Outlet />
        </main>
      </div>
      {palette && <CommandPalette onClose={() => setPalette(false)} />}
    </div>
  );
}

/** What is shown may be old: said once, above every page. */
function Unreached() {
  const reached = useReached();
  return (
    <div role="status">
      {!reached && (
        <p className="bg-warn-soft px-4 py-1.5 text-sm text-warn md:px-6">
          The server cannot be reached. What is shown is as it was last heard; this page goes on trying.
        </p>
      )}
    </div>
  );
}

function Brand() {
  return (
    <Link to="/executions" className="flex h-12 items-center gap-2.5 border-b border-line px-4 font-semibold">
      <img src="/ui/icon.svg" alt="" width={20} height={20} />
      Penstock
    </Link>
  );
}

function Places({ onChosen }: { onChosen?: () => void }) {
  const version = useWhoami()?.version;
  const entry = "flex h-8 items-center gap-2.5 rounded-md px-2.5 text-sm";
  return (
    <nav aria-label="Pages" className="flex grow flex-col gap-0.5 p-2">
      {PLACES.map(({ label, to, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          {...(onChosen ? { onClick: onChosen } : {})}
          className={entry}
          activeProps={{ className: "bg-accent-soft font-medium text-accent" }}
          inactiveProps={{ className: "text-quiet hover:bg-hover hover:text-text" }}
        >
          <Icon aria-hidden size={16} />
          {label}
        </Link>
      ))}
      <a href="/docs" className={classes(entry, "mt-auto text-quiet hover:bg-hover hover:text-text")}>
        <BookOpenText aria-hidden size={16} />
        API
        {version && <span className="ml-auto text-xs">{version}</span>}
      </a>
    </nav>
  );
}

function Whereabouts() {
  const whoami = useWhoami();
  if (whoami === undefined) return null;
  const { organization, project } = whoami;
  return (
    <p className="flex min-w-0 items-center gap-1.5 px-1 text-sm" title="Organization and project of your key">
      <span className="truncate text-quiet max-sm:hidden">{organization.name}</span>
      <span aria-hidden className="text-line-strong max-sm:hidden">
        /
      </span>
      <span className="truncate font-medium">{project.name}</span>
    </p>
  );
}
