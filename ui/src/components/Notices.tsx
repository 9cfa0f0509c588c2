import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { detailOf, Problem } from "@/api/problem";
import { Button } from "./Button";

interface EmptyProps {
  title: string;
  /** What to do next. */
  children?: ReactNode;
}

/** Where there is nothing to show: why, and what the next step is. */
export function Empty({ title, children }: EmptyProps) {
  return (
    <div className="mx-auto grid max-w-xl justify-items-center gap-2 px-4 py-14 text-center">
      <h2 className="text-base font-semibold">{title}</h2>
      <div className="grid gap-3 text-sm text-pretty text-quiet">{children}</div>
    </div>
  );
}

/** What went wrong, and a way to try again where that may help. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  return (
    <div
      role="alert"
      className="mx-auto my-6 flex max-w-xl items-start gap-3 rounded-lg bg-bad-soft px-4 py-3 text-bad"
    >
      <CircleAlert aria-hidden size={16} className="mt-0.5 shrink-0" />
      <div className="grid gap-2 text-sm">
        <p>{detailOf(error)}</p>
        {error instanceof Problem && error.requestId && (
          <p className="text-xs">
            Request <code className="font-mono">{error.requestId}</code>, by which the server's log has it.
          </p>
        )}
        {onRetry && (
          <Button className="justify-self-start" onClick={onRetry}>
            Try again
          </Button>
        )}
      </div>
    </div>
  );
}

/** Grey lines where text will be. */
export function Skeleton({ lines = 6 }: { lines?: number }) {
  return (
    <div role="status" aria-label="Loading" className="grid gap-3 p-4">
      {Array.from({ length: lines }, (_, n) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike and never move
        <div key={n} className="h-4 animate-breathe rounded bg-hover" style={{ width: `${92 - ((n * 17) % 40)}%` }} />
      ))}
    </div>
  );
}
