/** Which rows a table of items has, and in which blocks they are read. */

import type { ItemCounts, ItemStatus } from "@/api/types";

/** Items are read in blocks of so many, those that are looked at only. */
export const BLOCK = 100;
const REST: readonly ItemStatus[] = ["succeeded", "pending", "skipped", "cancelled"];

/** Rows that stand together: items of some statuses, in their order. */
export interface Stretch {
  statuses: readonly ItemStatus[];
  /** The row that it begins with. */
  first: number;
  rows: number;
}

/** Which rows there are: failed items first, then all others; or those of one status. */
export function stretchesOf(counts: ItemCounts, only: ItemStatus | undefined): Stretch[] {
  if (only) return [{ statuses: [only], first: 0, rows: counts[only] }];
  const rest = REST.reduce((sum, status) => sum + counts[status], 0);
  return [
    { statuses: ["failed"], first: 0, rows: counts.failed },
    { statuses: REST, first: counts.failed, rows: rest },
  ];
}

export interface Block {
  statuses: readonly ItemStatus[];
  number: number;
}

/** The blocks that hold the rows from `from` up to and with `to`. */
export function blocksOf(stretches: readonly Stretch[], from: number, to: number): Block[] {
  return stretches.flatMap(({ statuses, first, rows }) => {
    const low = Math.max(from, first) - first;
    const high = Math.min(to, first + rows - 1) - first;
    if (high < low) return [];
    const begin = Math.floor(low / BLOCK);
    const count = Math.floor(high / BLOCK) - begin + 1;
    return Array.from({ length: count }, (_, n) => ({ statuses, number: begin + n }));
  });
}
