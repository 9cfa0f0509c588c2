import { Ban, Check, CircleDashed, Clock, Loader, Minus, Pause, X } from "lucide-react";
import type { ComponentType } from "react";
import { classes } from "@/lib/classes";

interface Look {
  icon: ComponentType<{ size?: number; className?: string; "aria-hidden"?: boolean }>;
  tone: string;
}

const QUIET = "bg-hover text-quiet";
const LOOKS: Record<string, Look> = {
  pending: { icon: CircleDashed, tone: QUIET },
  running: { icon: Loader, tone: "bg-accent-soft text-accent" },
  paused: { icon: Pause, tone: "bg-warn-soft text-warn" },
  completed: { icon: Check, tone: "bg-good-soft text-good" },
  succeeded: { icon: Check, tone: "bg-good-soft text-good" },
  failed: { icon: X, tone: "bg-bad-soft text-bad" },
  timeout: { icon: Clock, tone: "bg-bad-soft text-bad" },
  cancelled: { icon: Ban, tone: QUIET },
  skipped: { icon: Minus, tone: QUIET },
};
const UNKNOWN: Look = { icon: CircleDashed, tone: QUIET };

/** A status as a word with a picture and a colour: never by colour alone. */
export function StatusChip({ status, partial = false }: { status: string; partial?: boolean }) {
  const { icon: Icon, tone } = partial && status === "completed" ? PARTIAL : (LOOKS[status] ?? UNKNOWN);
  return (
    <span
      className={classes(
        "inline-flex h-5.5 items-center gap-1 rounded-full px-2 text-xs font-medium whitespace-nowrap",
        tone,
      )}
      title={partial ? "Some of its items failed" : undefined}
    >
      <Icon aria-hidden size={12} className={classes("shrink-0", status === "running" && "animate-breathe")} />
      {status}
      {partial && status === "completed" && <span className="font-normal"> · partial</span>}
    </span>
  );
}

const PARTIAL: Look = { icon: Check, tone: "bg-warn-soft text-warn" };
