import type { ReactNode } from "react";
import { type Execution, isOver } from "@/api/types";
import { ItemsBar, Meter } from "@/components/Progress";
import { Cost, Duration, Time } from "@/components/Values";
import { band, count, dollars, percent } from "@/lib/format";
import { useNow } from "@/lib/now";

/** The numbers of a run, each with its unit. */
export function Figures({ execution }: { execution: Execution }) {
  const { counts, usage, totalItems } = execution;
  return (
    <section aria-label="Figures" className="grid gap-3 px-4 md:px-6">
      <ItemsBar className="h-2" label="Progress" parts={{ ...counts, total: totalItems }} />
      <dl className="grid grid-cols-2 gap-x-6 gap-y-3 sm:grid-cols-3 lg:grid-cols-6">
        <Figure name="Done">
          {count(execution.itemsProcessed)}
          <Small>{totalItems === null ? "items so far" : `of ${count(totalItems)} items`}</Small>
        </Figure>
        <Figure name="Failed">
          <span className={counts.failed > 0 ? "text-bad" : ""}>{count(counts.failed)}</span>
          <Small>
            {counts.running > 0 && `${count(counts.running)} running`}
            {counts.cancelled > 0 && `${count(counts.cancelled)} cancelled`}
          </Small>
        </Figure>
        <Figure name="Time taken">
          <Elapsed execution={execution} />
        </Figure>
        <Figure name="Time left">
          <Left execution={execution} />
        </Figure>
        <Figure name="Cost">
          <Cost usd={usage.costUsd} unpriced={usage.unpricedCalls} />
          {execution.budget?.usd && <Small>of {dollars(execution.budget.usd)}</Small>}
          <Budget execution={execution} />
        </Figure>
        <Figure name="Tokens">
          {count(usage.inputTokens + usage.outputTokens)}
          <Small>{count(usage.modelCalls)} calls</Small>
        </Figure>
      </dl>
    </section>
  );
}

function Figure({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="min-w-0">
      <dt className="text-xs text-quiet">{name}</dt>
      <dd className="text-lg font-semibold tracking-tight">{children}</dd>
    </div>
  );
}

function Small({ children }: { children: ReactNode }) {
  return <span className="ml-1.5 text-xs font-normal tracking-normal whitespace-nowrap text-quiet">{children}</span>;
}

function Elapsed({ execution }: { execution: Execution }) {
  const moving = execution.status === "running";
  const now = useNow(1_000, moving);
  if (execution.startedAt === null) return <None>not begun</None>;
  // Between two events the clock goes on from where the server said it stood.
  const since = moving ? Math.max(0, now - Date.parse(execution.startedAt)) : 0;
  return (
    <Duration ms={execution.generation === 0 && moving ? Math.max(execution.elapsedMs, since) : execution.elapsedMs} />
  );
}

function Left({ execution }: { execution: Execution }) {
  if (isOver(execution.status)) {
    return (
      <span className="text-sm font-normal tracking-normal text-quiet">
        over since <Time at={execution.finishedAt} />
      </span>
    );
  }
  if (execution.queue)
    return (
      <>
        #{execution.queue.position + 1}
        <Small>in the queue</Small>
      </>
    );
  if (execution.status === "paused") return <None>paused</None>;
  if (execution.eta === null) return <None>not known yet</None>;
  return (
    <span
      className="text-base whitespace-nowrap"
      title="Half of all runs like this are over by the first, nine in ten by the second"
    >
      {band(execution.eta.secondsP50, execution.eta.secondsP90)}
    </span>
  );
}

function Budget({ execution }: { execution: Execution }) {
  const budget = execution.budget;
  if (!budget?.usd) return null;
  const gone = Number(budget.spent.usd) + Number(budget.reserved.usd) + Number(budget.unaccounted.usd);
  const full = percent(gone, Number(budget.usd)) > 90;
  return (
    <Meter
      label="Cost against the budget"
      part={gone}
      total={Number(budget.usd)}
      tone={full ? "bg-warn-fill" : "bg-accent-strong"}
    />
  );
}

function None({ children }: { children: ReactNode }) {
  return <span className="text-sm font-normal tracking-normal text-quiet">{children}</span>;
}
