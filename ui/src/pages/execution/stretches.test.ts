import { describe, expect, it } from "vitest";
import { BLOCK, blocksOf, stretchesOf } from "./stretches";

const COUNTS = { pending: 0, succeeded: 99_500, failed: 250, skipped: 50, cancelled: 200 };

describe("rows of a table of items", () => {
  const stretches = stretchesOf(COUNTS, undefined);

  it("begin with the failed ones, and leave none out", () => {
    expect(stretches.map(({ first, rows }) => [first, rows])).toEqual([
      [0, 250],
      [250, 99_750],
    ]);
  });

  it("are those of one status when asked for", () => {
    expect(stretchesOf(COUNTS, "cancelled")).toEqual([{ statuses: ["cancelled"], first: 0, rows: 200 }]);
  });

  it("need the blocks that hold them and no other", () => {
    const numbers = (from: number, to: number) =>
      blocksOf(stretches, from, to).map((block) => [block.statuses.length, block.number]);
    expect(numbers(0, 20)).toEqual([[1, 0]]);
    expect(numbers(190, 260)).toEqual([
      [1, 1],
      [1, 2],
      [4, 0],
    ]);
    expect(numbers(50_000, 50_030)).toEqual([[4, Math.floor((50_000 - 250) / BLOCK)]]);
    expect(numbers(99_990, 120_000)).toEqual([[4, 997]]);
  });
});
