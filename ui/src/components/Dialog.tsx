import { X } from "lucide-react";
import { type ReactNode, type SyntheticEvent, useId, useLayoutEffect, useRef } from "react";
import { classes } from "@/lib/classes";
import { Button, IconButton } from "./Button";

interface DialogProps {
  title: string;
  /** Called for Escape, the close button, and a click beside it. */
  onClose: () => void;
  children: ReactNode;
  /** In the middle, at the right edge, or at the top, as for searching. */
  place?: "middle" | "side" | "left" | "top";
  /** Beside the title. */
  actions?: ReactNode;
  bare?: boolean;
}

const PLACES = {
  middle: "m-auto w-[min(30rem,calc(100vw-2rem))] rounded-xl animate-appear",
  top: "mx-auto mt-[12vh] mb-auto w-[min(36rem,calc(100vw-2rem))] rounded-xl animate-appear",
  side: "ml-auto my-0 mr-0 h-dvh max-h-none w-[min(46rem,100vw)] max-w-none animate-slide-in border-l",
  left: "mr-auto my-0 ml-0 h-dvh max-h-none w-64 max-w-none border-r animate-appear",
};

/** The browser's modal dialog: it keeps the focus inside, and gives it back. */
export function Dialog({ title, onClose, children, place = "middle", actions, bare = false }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before it leaves the page: only then the browser gives the focus back.
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  const close = (event: SyntheticEvent) => {
    event.preventDefault();
    onClose();
  };
  return (
    // A click on the backdrop is one on the dialog itself; the keyboard has Escape for that.
    <dialog
      ref={element}
      aria-labelledby={id}
      onCancel={close}
      onClick={(event) => event.target === element.current && onClose()}
      className={classes(
        "border-line bg-raised p-0 shadow-float backdrop:bg-shade",
        place === "middle" || place === "top" ? "border" : "",
        PLACES[place],
      )}
    >
      <div className={classes("flex flex-col", place === "side" || place === "left" ? "h-full" : "max-h-[80vh]")}>
        <header
          className={classes("flex shrink-0 items-center gap-2 border-b border-line py-2 pr-2 pl-4", bare && "sr-only")}
        >
          <h2 id={id} className="mr-auto truncate text-base font-semibold">
            {title}
          </h2>
          {actions}
          {!bare && (
            <IconButton label="Close" onClick={onClose}>
              <X aria-hidden size={16} />
            </IconButton>
          )}
        </header>
        <div className="scrolls min-h-0 grow">{children}</div>
      </div>
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  children: ReactNode;
  /** What the button says that does it. */
  does: string;
  danger?: boolean;
  busy?: boolean;
  fault?: string | null;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks once before something that takes effect. */
export function Confirm({
  title,
  children,
  does,
  danger = false,
  busy = false,
  fault,
  onConfirm,
  onClose,
}: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="grid gap-4 p-4"
        onSubmit={(event) => {
          event.preventDefault();
          onConfirm();
        }}
      >
        <div className="grid gap-3 text-sm text-pretty">{children}</div>
        {fault && <p className="rounded-md bg-bad-soft px-3 py-2 text-sm text-bad">{fault}</p>}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not now</Button>
          <Button type="submit" look={danger ? "danger" : "primary"} busy={busy}>
            {does}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
