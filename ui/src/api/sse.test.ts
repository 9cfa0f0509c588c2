import { describe, expect, it } from "vitest";
import { EventParser } from "./sse";

const STREAM = 'retry: 1000\n\nid: 2\nevent: status\ndata: {"seq": 2}\n\n:\n\nevent: progress\ndata: {"a": 1}\n\n';

describe("events of a stream", () => {
  it("are the same however the text is cut", () => {
    for (let cut = 0; cut <= STREAM.length; cut += 1) {
      const parser = new EventParser();
      const found = [...parser.push(STREAM.slice(0, cut)), ...parser.push(STREAM.slice(cut))];
      expect(found).toEqual([
        { id: "2", kind: "status", data: '{"seq": 2}' },
        { id: null, kind: "progress", data: '{"a": 1}' },
      ]);
    }
  });

  it("are not told before they are complete", () => {
    expect(new EventParser().push("id: 9\nevent: done\ndata: {}\n")).toEqual([]);
  });

  it("may have data of several lines, and no space behind the colon", () => {
    expect(new EventParser().push("data:one\ndata: two\n\n")).toEqual([
      { id: null, kind: "message", data: "one\ntwo" },
    ]);
  });
});
