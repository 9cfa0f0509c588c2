import type { Item } from "@/api/types";
import { classes } from "@/lib/classes";
import { duration } from "@/lib/format";

type Node = Item["nodes"][number];

const TONES: Record<string, string> = { failed: "bg-bad-fill", aborted: "bg-line-strong", skipped: "bg-line-strong" };
/** Below this share of the whole a bar would not be seen. */
const SMALLEST_PERCENT = 0.6;

/** When each node worked on the item, on one time line. */
export function Waterfall({ nodes }: { nodes: readonly Node[] }) {
  if (nodes.length === 0) return <p className="text-sm text-quiet">No node has worked on it yet.</p>;
  const begin = Math.min(...nodes.map((node) => Date.parse(node.startedAt)));
  const end = Math.max(...nodes.map((node) => Date.parse(node.startedAt) + node.durationMs));
  const whole = Math.max(1, end - begin);
  return (
    <ol className="grid gap-1">
      {nodes.map((node, n) => {
        const offset = Date.parse(node.startedAt) - begin;
        return (
          <li
            // biome-ignore lint/suspicious/noArrayIndexKey: a node may come several times, and none moves
            key={n}
            className="grid grid-cols-[7rem_minmax(0,1fr)_4.5rem] items-center gap-3 text-xs"
            title={`${node.node}: ${node.status}, begun ${duration(offset)} after the first, took ${node.durationMs} ms`}
          >
            <span className="truncate">
              {node.node}
              {node.round > 0 && <span className="text-quiet"> round {node.round + 1}</span>}
            </span>
            <span className="relative h-4 rounded bg-sunken">
              <span
                className={classes("absolute inset-y-0.5 rounded-sm", TONES[node.status] ?? "bg-accent-strong")}
                style={{
                  left: `${Math.min(100 - SMALLEST_PERCENT, (offset / whole) * 100)}%`,
                  width: `${Math.max(SMALLEST_PERCENT, (node.durationMs / whole) * 100)}%`,
                }}
              />
            </span>
            <span className="text-right text-quiet">{duration(node.durationMs)}</span>
          </li>
        );
      })}
    </ol>
  );
}
