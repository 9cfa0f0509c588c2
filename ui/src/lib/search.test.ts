import { describe, expect, it } from "vitest";
import { manyOf, oneOf, parseQuery, textOf, writeQuery } from "./search";

const COLOURS = ["red", "green", "blue"] as const;

describe("filters in a URL", () => {
  it("are readable, and come back as they were", () => {
    const text = writeQuery({ status: ["failed", "running"], item: "7", q: "a b&c", none: undefined });
    expect(text).toBe("?status=failed,running&item=7&q=a+b%26c");
    expect(parseQuery(text.slice(1))).toEqual({ status: "failed,running", item: "7", q: "a b&c" });
    expect(writeQuery({})).toBe("");
  });

  it("are left out when nobody knows them", () => {
    expect(oneOf({ colour: "pink" }, "colour", COLOURS)).toBeUndefined();
    expect(manyOf({ colour: "pink,blue,red" }, "colour", COLOURS)).toEqual(["red", "blue"]);
    expect(manyOf({ colour: ["blue"] }, "colour", COLOURS)).toEqual(["blue"]);
    expect(textOf({ q: "" }, "q")).toBeUndefined();
  });
});
