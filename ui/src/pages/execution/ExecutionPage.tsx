import { Link } from "@tanstack/react-router";
import { ChevronLeft } from "lucide-react";
import { lazy, Suspense } from "react";
import { Failure, Skeleton } from "@/components/Notices";
import { PageHeader } from "@/components/PageHeader";
import { StatusChip } from "@/components/StatusChip";
import { Tabs } from "@/components/Tabs";
import { Time } from "@/components/Values";
import { count } from "@/lib/format";
import { Controls } from "./Controls";
import { Figures } from "./Figures";
import { ItemDrawer } from "./ItemDrawer";
import { ItemsTab } from "./ItemsTab";
import { LineBadge } from "./LineBadge";
import { LogsTab } from "./LogsTab";
import { useLiveExecution } from "./live";
import { Messages } from "./Messages";
import { RequestTab } from "./RequestTab";
import { executionRoute } from "./route";

// With the plotting library, which nobody else needs.
const PaceTab = lazy(() => import("./PaceTab").then((module) => ({ default: module.PaceTab })));

/** One run: how far it is, what became of each item, and what can be done with it. */
export function ExecutionPage() {
  const { executionId } = executionRoute.useParams();
  const { tab = "items", item } = executionRoute.useSearch();
  const navigate = executionRoute.useNavigate();
  const { execution, error, line, refetch } = useLiveExecution(executionId);
  if (execution === undefined) {
    return error ? (
      <>
        <PageHeader title="Execution" about={<Back />} />
        <Failure error={error} onRetry={() => void refetch()} />
      </>
    ) : (
      <Skeleton />
    );
  }
  return (
    <div className="scrolls flex min-h-0 grow flex-col">
      <PageHeader
        title={execution.flowName}
        badge={
          <>
            <StatusChip status={execution.status} partial={execution.partial} />
            <LineBadge execution={execution} line={line} />
          </>
        }
        about={
          <span className="flex flex-wrap items-center gap-x-3">
            <Back />
            <span className="font-mono text-xs">{execution.executionId}</span>
            <span>
              {execution.kind}
              {execution.flowVersion !== null && ` version ${execution.flowVersion}`}
            </span>
            <span>
              created <Time at={execution.createdAt} />
            </span>
          </span>
        }
        actions={<Controls execution={execution} />}
      />
      <Figures execution={execution} />
      <Messages execution={execution} error={error} />
      <Tabs
        className="mt-2 min-h-96 grow"
        label="Parts of this execution"
        current={tab}
        onChange={(next) => void navigate({ search: next === "items" ? {} : { tab: next }, replace: true })}
        tabs={[
          { id: "items", label: `Items ${execution.totalItems === null ? "" : count(execution.totalItems)}` },
          { id: "pace", label: "Pace" },
          { id: "logs", label: "Log" },
          { id: "request", label: "Request" },
        ]}
      >
        {tab === "items" && <ItemsTab execution={execution} />}
        {tab === "pace" && (
          <Suspense fallback={<Skeleton />}>
            <PaceTab execution={execution} />
          </Suspense>
        )}
        {tab === "logs" && <LogsTab execution={execution} />}
        {tab === "request" && <RequestTab execution={execution} />}
      </Tabs>
      {item !== undefined && (
        <ItemDrawer
          execution={execution}
          path={item}
          onClose={() => void navigate({ search: ({ item: _, ...rest }) => rest, replace: true, resetScroll: false })}
        />
      )}
    </div>
  );
}

function Back() {
  return (
    <Link to="/executions" className="inline-flex items-center gap-0.5 rounded hover:text-text">
      <ChevronLeft aria-hidden size={14} />
      Executions
    </Link>
  );
}
