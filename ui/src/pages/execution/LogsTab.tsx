import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useMemo, useRef } from "react";
import { api, body } from "@/api/client";
import { type Execution, isOver, type LogLine } from "@/api/types";
import { SearchInput, Select } from "@/components/Fields";
import { Empty, Failure, Skeleton } from "@/components/Notices";
import { classes } from "@/lib/classes";
import { useDebounced } from "@/lib/debounced";
import { exactly } from "@/lib/format";
import { given } from "@/lib/search";
import { belowKey } from "./live";
import { executionRoute, type LEVELS } from "./route";

const PAGE = 200;
const LINE_PX = 28;
const TONES = { info: "text-quiet", warn: "text-warn", error: "text-bad" };
const time = new Intl.DateTimeFormat("sv", { timeStyle: "medium" });

/** What each node did for each item, in the order it was recorded. */
export function LogsTab({ execution }: { execution: Execution }) {
  const { level = "info", node, text } = executionRoute.useSearch();
  const log = useLog(execution, level, node);
  const lines = useMemo(() => {
    const wanted = text?.toLowerCase();
    const all = log.data?.pages.flatMap((page) => page.data) ?? [];
    return wanted ? all.filter((line) => textOf(line).toLowerCase().includes(wanted)) : all;
  }, [log.data, text]);
  return (
    <>
      <LogFilters />
      {log.isPending ? (
        <Skeleton />
      ) : log.error ? (
        <Failure error={log.error} onRetry={() => void log.refetch()} />
      ) : lines.length === 0 && !log.hasNextPage ? (
        <Empty title="No line fits">
          <p>
            {isOver(execution.status)
              ? "Choose another level, node or text."
              : "Lines appear as nodes finish their work."}
          </p>
        </Empty>
      ) : (
        <Lines lines={lines} more={log.hasNextPage && !log.isFetchingNextPage} onEnd={() => void log.fetchNextPage()} />
      )}
    </>
  );
}

function useLog(execution: Execution, level: (typeof LEVELS)[number], node: string | undefined) {
  const { executionId } = execution;
  return useInfiniteQuery({
    queryKey: [...belowKey(executionId), "log", level, node ?? ""],
    queryFn: ({ pageParam }) =>
      body(
        api.GET("/executions/{executionId}/logs", {
          params: { path: { executionId }, query: given({ level, node, limit: PAGE, cursor: pageParam ?? undefined }) },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
  });
}

function LogFilters() {
  const { level = "info", node, text } = executionRoute.useSearch();
  const navigate = executionRoute.useNavigate();
  const change = useCallback(
    (name: "level" | "node" | "text", value: string) =>
      void navigate({ search: (before) => given({ ...before, [name]: value || undefined }) as never, replace: true }),
    [navigate],
  );
  const [typedNode, setNode] = useDebounced(
    node ?? "",
    useCallback((value: string) => change("node", value), [change]),
  );
  const [typedText, setText] = useDebounced(
    text ?? "",
    useCallback((value: string) => change("text", value), [change]),
  );
  return (
    <search aria-label="Lines of the log" className="flex shrink-0 flex-wrap gap-2 px-4 py-2 md:px-6">
      <Select
        aria-label="Level"
        value={level}
        onChange={(value) => change("level", value === "info" ? "" : value)}
        options={[
          { value: "info", label: "Every level" },
          { value: "warn", label: "Warnings and errors" },
          { value: "error", label: "Errors" },
        ]}
      />
      <SearchInput
        aria-label="Node"
        placeholder="Node"
        className="w-36"
        value={typedNode}
        onChange={(event) => setNode(event.target.value)}
      />
      <SearchInput
        aria-label="Text in what is loaded"
        placeholder="Text in what is loaded"
        className="w-56"
        value={typedText}
        onChange={(event) => setText(event.target.value)}
      />
    </search>
  );
}

function Lines({ lines, more, onEnd }: { lines: readonly LogLine[]; more: boolean; onEnd: () => void }) {
  const scroller = useRef<HTMLDivElement>(null);
  const navigate = executionRoute.useNavigate();
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_PX,
    overscan: 20,
  });
  const seen = virtual.getVirtualItems();
  const atEnd = (seen.at(-1)?.index ?? 0) >= lines.length - 1;
  useEffect(() => {
    if (more && atEnd) onEnd();
  }, [more, atEnd, onEnd]);
  return (
    <div
      ref={scroller}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label="Log"
      className="scrolls min-h-0 grow border-t border-line"
    >
      <div className="relative font-mono text-xs" style={{ height: virtual.getTotalSize() }}>
        {seen.map(({ index, start }) => {
          const line = lines[index];
          return (
            line && (
              <div
                key={line.seq}
                className="absolute inset-x-0 top-0 flex h-7 items-center gap-3 px-4 hover:bg-hover md:px-6"
                style={{ transform: `translateY(${start}px)` }}
              >
                <time dateTime={line.at} title={exactly(line.at)} className="shrink-0 text-quiet">
                  {time.format(new Date(line.at))}
                </time>
                <span className={classes("w-10 shrink-0", TONES[line.level])}>{line.level}</span>
                <button
                  type="button"
                  className="w-14 shrink-0 truncate rounded text-left text-accent hover:underline"
                  title={`Open item ${line.itemPath}`}
                  onClick={() =>
                    void navigate({ search: (before) => ({ ...before, item: line.itemPath }), resetScroll: false })
                  }
                >
                  {line.itemPath}
                </button>
                <span className="truncate">{textOf(line)}</span>
              </div>
            )
          );
        })}
      </div>
    </div>
  );
}

function textOf(line: LogLine): string {
  return line.error ? `${line.message}: ${line.error.message}` : line.message;
}
