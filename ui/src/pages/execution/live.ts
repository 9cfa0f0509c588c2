import { type QueryClient, queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api, body } from "@/api/client";
import { follow, type Line } from "@/api/follow";
import type { Problem } from "@/api/problem";
import type { ServerEvent } from "@/api/sse";
import { type Execution, isOver } from "@/api/types";

/** How often what lies below an execution is read again while items finish. */
const BELOW_EVERY_MS = 1_000;

export function executionQuery(executionId: string) {
  return queryOptions({
    queryKey: ["execution", executionId],
    queryFn: () => body(api.GET("/executions/{executionId}", { params: { path: { executionId } } })),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** What lies below an execution in the cache: its items, counts and log. */
export function belowKey(executionId: string) {
  return ["execution-parts", executionId] as const;
}

/**
 * An execution as it stands, told by its events while it is under way. `line` says how the stream stands.
 *
 * A retry or a resume opens the same execution again: the status in the cache changes then, and the stream is opened
 * once more.
 */
export function useLiveExecution(executionId: string) {
  const queries = useQueryClient();
  const query = useQuery(executionQuery(executionId));
  const [line, setLine] = useState<Line>("connecting");
  const [refused, setRefused] = useState<Problem | null>(null);
  const known = query.data !== undefined;
  const over = query.data !== undefined && isOver(query.data.status);
  useEffect(() => {
    if (!known || over) return;
    const stop = new AbortController();
    const below = throttled(() => void queries.invalidateQueries({ queryKey: belowKey(executionId) }), BELOW_EVERY_MS);
    const onEvent = (event: ServerEvent) => take(queries, executionId, event, below);
    void follow(executionId, { onEvent, onLine: setLine, onRefused: setRefused }, stop.signal);
    return () => {
      stop.abort();
      below.cancel();
    };
  }, [executionId, known, over, queries]);
  return { execution: query.data, error: query.error ?? refused, line, refetch: query.refetch };
}

/** Put what an action answered where everybody reads it. */
export function remember(queries: QueryClient, execution: Execution): void {
  queries.setQueryData(executionQuery(execution.executionId).queryKey, execution);
  void queries.invalidateQueries({ queryKey: belowKey(execution.executionId) });
  void queries.invalidateQueries({ queryKey: ["executions"] });
}

function take(queries: QueryClient, executionId: string, event: ServerEvent, below: () => void) {
  const { queryKey } = executionQuery(executionId);
  if (event.kind === "item") {
    below();
    return;
  }
  if (event.kind === "snapshot" || event.kind === "progress" || event.kind === "done") {
    const told = JSON.parse(event.data) as Execution;
    queries.setQueryData(queryKey, (before) => ({ ...before, ...told, links: before?.links ?? told.links }));
  }
  if (event.kind === "done" || event.kind === "gone") {
    // The whole body, with what events leave out; and every item as it ended.
    void queries.invalidateQueries({ queryKey });
    void queries.invalidateQueries({ queryKey: belowKey(executionId) });
  }
}

function throttled(run: () => void, everyMs: number) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const ask = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      run();
    }, everyMs);
  };
  ask.cancel = () => clearTimeout(timer);
  return ask;
}
