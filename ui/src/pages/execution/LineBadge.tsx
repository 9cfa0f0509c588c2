import type { Line } from "@/api/follow";
import { type Execution, isOver } from "@/api/types";
import { classes } from "@/lib/classes";

/** Whether what is shown is as it is now. */
export function LineBadge({ execution, line }: { execution: Execution; line: Line }) {
  if (isOver(execution.status)) return null;
  const live = line === "live";
  return (
    <span
      role="status"
      className={classes("inline-flex items-center gap-1.5 text-xs", live ? "text-quiet" : "font-medium text-warn")}
      title={
        live
          ? "Told by the server as it happens"
          : "The server cannot be reached. Nothing is lost: the run goes on from its record."
      }
    >
      <span
        aria-hidden
        className={classes("size-1.5 rounded-full", live ? "bg-good-fill" : "animate-breathe bg-warn-fill")}
      />
      {live ? "live" : line === "reconnecting" ? "connection lost, trying again" : "connecting"}
    </span>
  );
}
