import { CircleAlert, CircleCheck, X } from "lucide-react";
import { useSyncExternalStore } from "react";
import { Button, IconButton } from "./Button";

interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action: { does: string; run: () => void } | null;
}

const STAYS_MS = 6_000;
const STAYS_WITH_ACTION_MS = 12_000;
let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

interface Options {
  bad?: boolean;
  action?: Toast["action"];
}

/** Say what has happened. What went wrong stays until it is closed. */
export function toast(text: string, { bad = false, action = null }: Options = {}): void {
  last += 1;
  const id = last;
  change([...toasts.slice(-3), { id, text, bad, action }]);
  if (!bad) setTimeout(() => dismiss(id), action === null ? STAYS_MS : STAYS_WITH_ACTION_MS);
}

function dismiss(id: number) {
  change(toasts.filter((each) => each.id !== id));
}

function change(next: readonly Toast[]) {
  toasts = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Where they are shown; once, at the end of the page. */
export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <section
      aria-label="Notifications"
      aria-live="polite"
      className="pointer-events-none fixed right-4 bottom-4 z-50 grid w-[min(26rem,calc(100vw-2rem))] gap-2"
    >
      {shown.map((each) => (
        <div
          key={each.id}
          role={each.bad ? "alert" : undefined}
          className="pointer-events-auto flex animate-appear items-start gap-2 rounded-lg border border-line bg-raised py-2 pr-2 pl-3 shadow-float"
        >
          {each.bad ? (
            <CircleAlert aria-hidden size={16} className="mt-1.5 shrink-0 text-bad" />
          ) : (
            <CircleCheck aria-hidden size={16} className="mt-1.5 shrink-0 text-good" />
          )}
          <p className="mr-auto py-1 text-sm break-words">{each.text}</p>
          {each.action && (
            <Button
              look="quiet"
              className="text-accent"
              onClick={() => {
                each.action?.run();
                dismiss(each.id);
              }}
            >
              {each.action.does}
            </Button>
          )}
          <IconButton label="Dismiss" onClick={() => dismiss(each.id)}>
            <X aria-hidden size={14} />
          </IconButton>
        </div>
      ))}
    </section>
  );
}
