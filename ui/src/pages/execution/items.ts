import { queryOptions, useQueries, useQuery } from "@tanstack/react-query";
import { api, body } from "@/api/client";
import type { Item } from "@/api/types";
import { belowKey } from "./live";
import { BLOCK, type Block, blocksOf, type Stretch } from "./stretches";

const PREVIEW_CHARACTERS = 240;
interface ItemsQuery {
  status?: string;
  skip?: number;
  limit: number;
  preview?: number;
}

/** A page of items. The same address may answer with lines, so the description allows two shapes. */
export async function readItems(executionId: string, query: ItemsQuery): Promise<Item[]> {
  const page = await body(api.GET("/executions/{executionId}/items", { params: { path: { executionId }, query } }));
  return (page as { data: Item[] }).data;
}

function blockQuery(executionId: string, { statuses, number }: Block) {
  const status = statuses.join(",");
  return queryOptions({
    queryKey: [...belowKey(executionId), "items", status, number],
    queryFn: () => readItems(executionId, { status, skip: number * BLOCK, limit: BLOCK, preview: PREVIEW_CHARACTERS }),
    staleTime: 60_000,
  });
}

export function useItemCounts(executionId: string) {
  return useQuery({
    queryKey: [...belowKey(executionId), "counts"],
    queryFn: () => body(api.GET("/executions/{executionId}/item-counts", { params: { path: { executionId } } })),
  });
}

/** The items of the rows that are looked at, by row; a row that is not there yet is missing. */
export function useItems(executionId: string, stretches: readonly Stretch[], from: number, to: number) {
  const blocks = blocksOf(stretches, from, to);
  const found = useQueries({ queries: blocks.map((block) => blockQuery(executionId, block)) });
  const rows = new Map<number, Item>();
  blocks.forEach((block, n) => {
    const first = stretches.find((stretch) => stretch.statuses === block.statuses)?.first ?? 0;
    found[n]?.data?.forEach((item, offset) => {
      rows.set(first + block.number * BLOCK + offset, item);
    });
  });
  return { rows, error: found.find((each) => each.error)?.error ?? null };
}

export function itemQuery(executionId: string, path: string) {
  return queryOptions({
    queryKey: [...belowKey(executionId), "item", path],
    queryFn: () =>
      body(
        api.GET("/executions/{executionId}/items/{itemPath}", { params: { path: { executionId, itemPath: path } } }),
      ),
  });
}

/** What each node did for an item, in the order it was recorded. */
export function itemStepsQuery(executionId: string, path: string) {
  return queryOptions({
    queryKey: [...belowKey(executionId), "steps", path],
    queryFn: () =>
      body(
        api.GET("/executions/{executionId}/logs", {
          params: { path: { executionId }, query: { item: path, limit: 500 } },
        }),
      ).then((page) => page.data),
  });
}
