import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Activity, BookOpenText, LogOut, Search } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useId, useState } from "react";
import { api, body } from "@/api/client";
import { Dialog } from "@/components/Dialog";
import { StatusChip } from "@/components/StatusChip";
import { Time } from "@/components/Values";
import { classes } from "@/lib/classes";
import { useDebounced } from "@/lib/debounced";
import { shortId } from "@/lib/format";
import { endSession } from "@/session/session";
import { THEMES } from "./AccountMenu";
import { PLACES } from "./navigation";
import { chooseTheme } from "./theme";

interface Command {
  id: string;
  label: string;
  icon?: ReactNode;
  /** At the right: what helps to tell it from others. */
  note?: ReactNode;
  run: () => void;
}

const FOUND = 8;

/** Everything by its name: pages, executions by name or id, and what the menus do. */
export function CommandPalette({ onClose }: { onClose: () => void }) {
  const id = useId();
  const [asked, setAsked] = useState("");
  const [typed, setTyped] = useDebounced(asked, setAsked, 150);
  const [current, setCurrent] = useState(0);
  const commands = [...useOwnCommands().filter((each) => fits(each, typed)), ...useExecutions(asked)];
  const chosen = Math.min(current, commands.length - 1);
  const run = (command: Command | undefined) => {
    if (!command) return;
    onClose();
    command.run();
  };
  const onKey = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && commands.length > 0) {
      event.preventDefault();
      const next = (chosen + step + commands.length) % commands.length;
      setCurrent(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
    }
    if (event.key === "Enter") {
      event.preventDefault();
      run(commands[chosen]);
    }
  };
  return (
    <Dialog title="Search or go to" place="top" bare onClose={onClose}>
      <div className="flex items-center gap-2.5 border-b border-line px-4">
        <Search aria-hidden size={16} className="text-quiet" />
        <input
          autoFocus
          role="combobox"
          aria-label="Search or go to"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={commands.length > 0 ? `${id}-${chosen}` : undefined}
          placeholder="A page, a command, an execution by name or id"
          value={typed}
          onChange={(event) => {
            setTyped(event.target.value);
            setCurrent(0);
          }}
          onKeyDown={onKey}
          className="h-12 grow bg-transparent outline-none"
        />
      </div>
      <div id={`${id}-list`} role="listbox" aria-label="Found" className="p-1.5">
        {commands.map((command, n) => (
          <div
            key={command.id}
            id={`${id}-${n}`}
            role="option"
            tabIndex={-1}
            aria-selected={n === chosen}
            onClick={() => run(command)}
            onPointerMove={() => setCurrent(n)}
            className={classes(
              "flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2.5 text-sm",
              n === chosen && "bg-hover",
            )}
          >
            <span className="flex w-4 justify-center text-quiet">{command.icon}</span>
            <span className="mr-auto truncate">{command.label}</span>
            {command.note}
          </div>
        ))}
      </div>
      {commands.length === 0 && <p className="px-4 pb-5 text-center text-sm text-quiet">Nothing has this name.</p>}
    </Dialog>
  );
}

function useOwnCommands(): Command[] {
  const navigate = useNavigate();
  return [
    ...PLACES.map(({ label, to, icon: Icon }) => ({
      id: to,
      label,
      icon: <Icon aria-hidden size={16} />,
      run: () => void navigate({ to }),
    })),
    {
      id: "docs",
      label: "API documentation",
      icon: <BookOpenText aria-hidden size={16} />,
      run: () => window.location.assign("/docs"),
    },
    ...THEMES.map(({ value, label, icon }) => ({
      id: `theme-${value}`,
      label: `Theme: ${label.toLowerCase()}`,
      icon,
      run: () => chooseTheme(value),
    })),
    { id: "sign-out", label: "Sign out", icon: <LogOut aria-hidden size={16} />, run: () => endSession() },
  ];
}

function useExecutions(asked: string): Command[] {
  const navigate = useNavigate();
  const { data } = useQuery({
    queryKey: ["palette", asked],
    queryFn: () => body(api.GET("/executions", { params: { query: { q: asked, limit: FOUND } } })),
    enabled: asked.trim().length >= 2,
  });
  return (data?.data ?? []).map((execution) => ({
    id: execution.executionId,
    label: execution.flowName,
    icon: <Activity aria-hidden size={16} />,
    note: (
      <span className="flex items-center gap-3 text-xs text-quiet">
        <span className="font-mono max-sm:hidden">{shortId(execution.executionId)}</span>
        <Time at={execution.createdAt} />
        <StatusChip status={execution.status} partial={execution.partial} />
      </span>
    ),
    run: () => void navigate({ to: "/executions/$executionId", params: { executionId: execution.executionId } }),
  }));
}

function fits(command: Command, typed: string): boolean {
  const label = command.label.toLowerCase();
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((word) => label.includes(word));
}
