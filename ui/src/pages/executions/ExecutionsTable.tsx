import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { type Execution, isOver } from "@/api/types";
import { Checkbox } from "@/components/Fields";
import { ItemsBar } from "@/components/Progress";
import { StatusChip } from "@/components/StatusChip";
import { Cost, Duration, Time } from "@/components/Values";
import { classes } from "@/lib/classes";
import { band, count, shortId } from "@/lib/format";

interface ExecutionsTableProps {
  executions: readonly Execution[];
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
}

const HEADS: readonly (readonly [string, string])[] = [
  ["Name", "w-full"],
  ["Status", ""],
  ["Items", "max-md:hidden"],
  ["Left", "max-md:hidden"],
  ["Cost", "text-right max-lg:hidden"],
  ["Duration", "text-right max-lg:hidden"],
  ["Created", "text-right max-sm:hidden md:pr-6"],
];

export function ExecutionsTable({ executions, chosen, onChoose }: ExecutionsTableProps) {
  const all = executions.every((execution) => chosen.has(execution.executionId));
  const choose = (id: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(id);
    else next.delete(id);
    onChoose(next);
  };
  return (
    <table className="w-full border-separate border-spacing-0 text-sm">
      <thead className="sticky top-0 z-10 bg-page">
        <tr>
          <Head className="pl-4 md:pl-6">
            <Checkbox
              aria-label="Choose all that are shown"
              checked={all}
              onChange={(event) =>
                onChoose(new Set(event.target.checked ? executions.map((execution) => execution.executionId) : []))
              }
            />
          </Head>
          {HEADS.map(([name, className]) => (
            <Head key={name} className={className}>
              {name}
            </Head>
          ))}
        </tr>
      </thead>
      <tbody>
        {executions.map((execution) => (
          <Row
            key={execution.executionId}
            execution={execution}
            chosen={chosen.has(execution.executionId)}
            onChoose={(on) => choose(execution.executionId, on)}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  execution: Execution;
  chosen: boolean;
  onChoose: (on: boolean) => void;
}

function Row({ execution, chosen, onChoose }: RowProps) {
  const { executionId, counts, usage } = execution;
  return (
    <tr className={classes("group hover:bg-hover", chosen && "bg-chosen")}>
      <Cell className="pl-4 md:pl-6">
        <Checkbox
          aria-label={`Choose ${execution.flowName} ${shortId(executionId)}`}
          checked={chosen}
          onChange={(event) => onChoose(event.target.checked)}
        />
      </Cell>
      <Cell className="w-full max-w-0">
        <Link
          to="/executions/$executionId"
          params={{ executionId }}
          className="flex min-w-0 items-baseline gap-2 rounded hover:text-accent"
        >
          <span className="truncate font-medium">{execution.flowName}</span>
          <span className="shrink-0 font-mono text-xs text-quiet max-sm:hidden" title={executionId}>
            {shortId(executionId)}
          </span>
          {execution.kind !== "flow" && (
            <span className="shrink-0 rounded bg-hover px-1.5 text-xs text-quiet max-sm:hidden">{execution.kind}</span>
          )}
        </Link>
        <div className="mt-1 grid gap-1 md:hidden">
          <Done execution={execution} />
          <ItemsBar
            label={`Items of ${execution.flowName} ${shortId(executionId)}`}
            parts={{ ...counts, total: execution.totalItems }}
          />
        </div>
      </Cell>
      <Cell>
        <StatusChip status={execution.status} partial={execution.partial} />
      </Cell>
      <Cell className="max-md:hidden">
        <span className="flex items-center gap-2.5">
          <ItemsBar
            className="w-24"
            label={`Items of ${execution.flowName} ${shortId(executionId)}`}
            parts={{ ...counts, total: execution.totalItems }}
          />
          <Done execution={execution} />
        </span>
      </Cell>
      <Cell className="text-xs whitespace-nowrap text-quiet max-md:hidden">{left(execution)}</Cell>
      <Cell className="text-right max-lg:hidden">
        <Cost usd={usage.costUsd} unpriced={usage.unpricedCalls} />
      </Cell>
      <Cell className="text-right max-lg:hidden">
        <Duration ms={execution.startedAt === null ? null : execution.elapsedMs} />
      </Cell>
      <Cell className="text-right max-sm:hidden md:pr-6">
        <Time at={execution.createdAt} relative />
      </Cell>
    </tr>
  );
}

function Done({ execution }: { execution: Execution }) {
  const { counts, itemsProcessed, totalItems } = execution;
  return (
    <span className="text-xs whitespace-nowrap text-quiet">
      {count(itemsProcessed)}
      {totalItems !== null && ` of ${count(totalItems)}`}
      {counts.failed > 0 && <span className="text-bad"> · {count(counts.failed)} failed</span>}
    </span>
  );
}

/** The time that is left, or the place in the queue. */
function left(execution: Execution): ReactNode {
  if (execution.queue)
    return <span title="Executions that start before it">{`#${execution.queue.position + 1} in the queue`}</span>;
  if (execution.eta && !isOver(execution.status)) return band(execution.eta.secondsP50, execution.eta.secondsP90);
  return null;
}

function Head({ children, className }: { children: ReactNode; className?: string }) {
  return (
    <th
      scope="col"
      className={classes(
        "border-b border-line px-3 py-2 text-left text-xs font-medium whitespace-nowrap text-quiet",
        className,
      )}
    >
      {children}
    </th>
  );
}

function Cell({ children, className }: { children: ReactNode; className?: string }) {
  return <td className={classes("h-10 border-b border-line px-3 py-1.5", className)}>{children}</td>;
}
