import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import { type Execution, isOver } from "@/api/types";
import { given } from "@/lib/search";
import type { ExecutionsSearch } from "./route";

export const PAGE = 50;
const LIVELY_MS = 2_000;
const CALM_MS = 15_000;
const SPAN_MS = { hour: 3_600_000, day: 86_400_000, week: 604_800_000, month: 2_592_000_000 };

/** Executions that fit, newest first. Asked again every 2 s while one of them is under way, every 15 s when none is. */
export function useExecutions(search: ExecutionsSearch) {
  return useInfiniteQuery({
    queryKey: ["executions", search],
    queryFn: ({ pageParam }) => body(api.GET("/executions", { params: { query: queryOf(search, pageParam) } })),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextCursor,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) => {
      const shown = state.data?.pages.flatMap((page) => page.data) ?? [];
      return shown.some((execution) => !isOver(execution.status)) ? LIVELY_MS : CALM_MS;
    },
  });
}

/** The flows there are, to choose one of. */
export function useFlowNames(enabled: boolean) {
  return useQuery({
    queryKey: ["flows", "names"],
    queryFn: () => body(api.GET("/flows", { params: { query: { limit: 500 } } })),
    staleTime: 60_000,
    enabled,
    select: (page) => page.data.map((flow) => ({ id: flow.id, name: flow.name })),
  });
}

function queryOf(search: ExecutionsSearch, cursor: string | null) {
  return given({
    cursor: cursor ?? undefined,
    limit: PAGE,
    queue: true,
    status: search.status?.join(","),
    kind: search.kind,
    flowId: search.flow,
    q: search.q,
    createdAfter: search.since && new Date(Date.now() - SPAN_MS[search.since]).toISOString(),
  });
}

/** What may be done with an execution as it is. */
export function canCancel(execution: Execution): boolean {
  return !isOver(execution.status);
}

export function canRetry(execution: Execution): boolean {
  return isOver(execution.status) && (execution.counts.failed > 0 || execution.counts.cancelled > 0);
}
