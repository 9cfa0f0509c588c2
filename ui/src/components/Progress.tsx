import { classes } from "@/lib/classes";
import { count, percent } from "@/lib/format";

interface Parts {
  succeeded: number;
  failed: number;
  skipped: number;
  cancelled: number;
  total: number | null;
}

const TONES = [
  ["succeeded", "bg-good-fill"],
  ["failed", "bg-bad-fill"],
  ["skipped", "bg-line-strong"],
  ["cancelled", "bg-line-strong"],
] as const;

/** How many of a whole are done, and how they went. */
export function ItemsBar({ parts, label, className }: { parts: Parts; label: string; className?: string }) {
  const total = parts.total ?? 0;
  const done = parts.succeeded + parts.failed + parts.skipped + parts.cancelled;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={Math.min(done, total)}
      aria-valuetext={`${count(done)} of ${count(total)}`}
      className={classes("flex h-1.5 min-w-16 overflow-hidden rounded-full bg-line", className)}
    >
      {TONES.map(([name, tone]) => (
        <div
          key={name}
          className={classes(tone, "h-full transition-[width] duration-300")}
          style={{ width: `${percent(parts[name], total)}%` }}
        />
      ))}
    </div>
  );
}

/** One amount of another, as for a budget. */
export function Meter({ part, total, label, tone = "bg-accent-strong" }: MeterProps) {
  return (
    <div
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={total}
      aria-valuenow={Math.min(part, total)}
      className="h-1.5 min-w-16 overflow-hidden rounded-full bg-line"
    >
      <div className={classes(tone, "h-full")} style={{ width: `${percent(part, total)}%` }} />
    </div>
  );
}

interface MeterProps {
  part: number;
  total: number;
  label: string;
  tone?: string;
}
