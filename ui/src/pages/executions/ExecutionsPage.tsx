import { useCallback, useMemo, useState } from "react";
import { Button } from "@/components/Button";
import { Empty, Failure, Skeleton } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { counted } from "@/lib/format";
import { BulkBar } from "./BulkBar";
import { useExecutions } from "./data";
import { ExecutionsTable } from "./ExecutionsTable";
import { Filters } from "./Filters";
import { type ExecutionsSearch, executionsRoute } from "./route";

/** Every execution of the project, of whatever kind, as it stands now. */
export function ExecutionsPage() {
  const search = executionsRoute.useSearch();
  const navigate = executionsRoute.useNavigate();
  const change = useCallback(
    (changed: Partial<Record<keyof ExecutionsSearch, unknown>>) =>
      void navigate({ search: (before) => ({ ...before, ...changed }) as ExecutionsSearch, replace: true }),
    [navigate],
  );
  const found = useExecutions(search);
  const executions = useMemo(() => found.data?.pages.flatMap((page) => page.data) ?? [], [found.data]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const selected = executions.filter((execution) => chosen.has(execution.executionId));
  return (
    <>
      <PageHeader title="Executions" about={<Summary shown={executions.length} more={found.hasNextPage} />} />
      <Filters search={search} onChange={change} />
      {selected.length > 0 && <BulkBar selected={selected} onDone={() => setChosen(new Set())} />}
      <div className="scrolls min-h-0 grow" aria-busy={found.isPlaceholderData}>
        {found.isPending ? (
          <Skeleton lines={8} />
        ) : found.isError && executions.length === 0 ? (
          <Failure error={found.error} onRetry={() => void found.refetch()} />
        ) : executions.length === 0 ? (
          <Nothing filtered={Object.keys(search).length > 0} onClear={() => void navigate({ search: {} })} />
        ) : (
          <ExecutionsTable executions={executions} chosen={chosen} onChoose={setChosen} />
        )}
        {found.hasNextPage && (
          <div className="grid justify-center p-4">
            <Button busy={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
              Show older ones
            </Button>
          </div>
        )}
      </div>
    </>
  );
}

function Summary({ shown, more }: { shown: number; more: boolean }) {
  return (
    <span aria-live="polite">{more ? `The newest ${counted(shown, "execution")}` : counted(shown, "execution")}</span>
  );
}

function Nothing({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  if (filtered) {
    return (
      <Empty title="No execution fits these filters">
        <p>There may be some for another status or time.</p>
        <Button className="justify-self-center" onClick={onClear}>
          Clear the filters
        </Button>
      </Empty>
    );
  }
  return (
    <Empty title="Nothing has run yet">
      <p>
        An execution is one run of a flow, an evaluation or another job. Start one from a terminal and watch it here:
      </p>
      <pre className="scrolls rounded-lg border border-line bg-sunken p-3 text-left font-mono text-xs">
        {"penstock run my-flow --input text=hello"}
      </pre>
      <p>
        or by the{" "}
        <a className="text-accent underline" href="/docs">
          API
        </a>
        .
      </p>
    </Empty>
  );
}
