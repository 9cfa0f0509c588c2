import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { RotateCcw } from "lucide-react";
import type { ReactNode } from "react";
import { detailOf } from "@/api/problem";
import { type ErrorObject, type Execution, type Item, isOver, type LogLine } from "@/api/types";
import { Button } from "@/components/Button";
import { Code, textOfValue } from "@/components/Code";
import { Dialog } from "@/components/Dialog";
import { Failure, Skeleton } from "@/components/Notices";
import { StatusChip } from "@/components/StatusChip";
import { toast } from "@/components/Toasts";
import { Cost, Duration, Time } from "@/components/Values";
import { count } from "@/lib/format";
import { useMay } from "@/session/whoami";
import { durationOf } from "./ItemRow";
import { itemQuery, itemStepsQuery } from "./items";
import { remember } from "./live";
import { retryItems } from "./retry";
import { Waterfall } from "./Waterfall";

interface ItemDrawerProps {
  execution: Execution;
  path: string;
  onClose: () => void;
}

/** One item from its input to its output, with everything that its nodes did in between. */
export function ItemDrawer({ execution, path, onClose }: ItemDrawerProps) {
  const item = useQuery(itemQuery(execution.executionId, path));
  return (
    <Dialog
      title={`Item ${path}`}
      place="side"
      onClose={onClose}
      actions={item.data && <RetryButton execution={execution} path={path} />}
    >
      {item.data ? (
        <Details execution={execution} item={item.data} />
      ) : item.error ? (
        <Failure error={item.error} onRetry={() => void item.refetch()} />
      ) : (
        <Skeleton />
      )}
    </Dialog>
  );
}

function Details({ execution, item }: { execution: Execution; item: Item }) {
  const steps = useQuery(itemStepsQuery(execution.executionId, item.path));
  const { usage } = item;
  return (
    <div className="grid gap-5 p-4">
      <dl className="flex flex-wrap gap-x-6 gap-y-3 text-sm">
        <Fact name="Status">
          <StatusChip status={item.status} />
        </Fact>
        <Fact name="Duration">
          <Duration ms={durationOf(item)} />
        </Fact>
        <Fact name="Finished">
          <Time at={item.finishedAt} />
        </Fact>
        <Fact name="Step attempts">{count(item.attempts)}</Fact>
        <Fact name="Tokens">
          <span
            title={`${count(usage.inputTokens)} in, ${count(usage.cachedTokens)} of them cached; ${count(usage.outputTokens)} out`}
          >
            {count(usage.inputTokens)} in, {count(usage.outputTokens)} out
          </span>
        </Fact>
        <Fact name="Cost">
          <Cost usd={usage.costUsd} unpriced={usage.unpricedCalls} />
        </Fact>
      </dl>
      {item.error && <ErrorCard error={item.error} />}
      <Part name="Nodes">
        <Waterfall nodes={item.nodes} />
      </Part>
      <Part name="Input">
        <Code label="input" text={textOfValue(item.input)} />
      </Part>
      {item.output !== null && (
        <Part name="Output">
          <Code label="output" text={textOfValue(item.output)} />
        </Part>
      )}
      <Part name="Steps">
        {steps.data ? (
          <Steps steps={steps.data} />
        ) : steps.error ? (
          <Failure error={steps.error} />
        ) : (
          <Skeleton lines={3} />
        )}
      </Part>
    </div>
  );
}

function RetryButton({ execution, path }: { execution: Execution; path: string }) {
  const queries = useQueryClient();
  const may = useMay("executions:run") && isOver(execution.status);
  const retry = useMutation({
    mutationFn: () => retryItems(execution.executionId, [path]),
    onSuccess: (reopened) => remember(queries, reopened),
    onError: (error) => toast(detailOf(error), { bad: true }),
  });
  if (!may) return null;
  return (
    <Button icon={<RotateCcw aria-hidden size={14} />} busy={retry.isPending} onClick={() => retry.mutate()}>
      Run again
    </Button>
  );
}

function ErrorCard({ error }: { error: ErrorObject }) {
  return (
    <div className="grid gap-1.5 rounded-lg bg-bad-soft px-3 py-2.5 text-sm text-bad">
      <p className="break-words">{error.message}</p>
      <p className="text-xs">
        <code className="font-mono">{error.code}</code>
        {error.node && <> in node {error.node}</>}
        {error.attempts > 1 && <>, after {error.attempts} attempts</>}
        {error.retryable ? "; trying again may help" : "; trying again as it is will not help"}
      </p>
      {error.cause && (
        <pre className="scrolls max-h-40 font-mono text-xs break-words whitespace-pre-wrap">{error.cause}</pre>
      )}
    </div>
  );
}

function Steps({ steps }: { steps: readonly LogLine[] }) {
  if (steps.length === 0) return <p className="text-sm text-quiet">No step is recorded.</p>;
  return (
    <div className="grid gap-1.5">
      {steps.map((step) => (
        <details key={step.seq} className="rounded-lg border border-line">
          <summary className="flex flex-wrap items-center gap-x-3 gap-y-1 rounded-lg px-3 py-2 text-sm hover:bg-hover">
            <span className="mr-auto font-medium">{step.node}</span>
            <StatusChip status={step.status} />
            <span className="text-xs text-quiet">
              <Duration ms={step.durationMs} />
              {step.attempts > 1 && <> · {step.attempts} attempts</>}
              {step.usage.modelCalls > 0 && (
                <>
                  {" · "}
                  {count(step.usage.inputTokens + step.usage.outputTokens)} tokens · <Cost usd={step.usage.costUsd} />
                </>
              )}
            </span>
          </summary>
          <div className="grid gap-3 px-3 pt-1 pb-3">
            {step.error && <ErrorCard error={step.error} />}
            {step.input != null && <Code label={`input of ${step.node}`} text={textOfValue(step.input)} />}
            {step.output != null && <Code label={`output of ${step.node}`} text={textOfValue(step.output)} />}
            {step.detail != null && <Code label={`details of ${step.node}`} text={textOfValue(step.detail)} />}
          </div>
        </details>
      ))}
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="text-xs text-quiet">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Part({ name, children }: { name: string; children: ReactNode }) {
  return (
    <section className="grid min-w-0 gap-2">
      <h3 className="text-sm font-semibold">{name}</h3>
      {children}
    </section>
  );
}
