import { describe, expect, it } from "vitest";
import { pythonOf, snippet } from "./snippets";

const request = { flow: "my flow", body: { inputs: [{ text: "it's", n: null, on: true }] } };

describe("the request in other languages", () => {
  it("is one argument for a shell, whatever stands in it", () => {
    expect(snippet("curl", "http://x", request)).toContain(`"text": "it'\\''s"`);
    expect(snippet("curl", "http://x", request)).toContain("'http://x/flows/my%20flow/executions'");
  });

  it("is what the SDK is called with", () => {
    const text = snippet("python", "http://x", { flow: "f", body: { inputs: [], version: 2, budget: { usd: "5" } } });
    expect(text).toContain("from penstock import Penstock, RunOptions");
    expect(text).toContain('flows.run("f", [], options=RunOptions(version=2, budget={');
  });

  it("has Python's own words", () => {
    expect(pythonOf({ a: null, b: [true, 1.5] })).toBe(
      '{\n    "a": None,\n    "b": [\n        True,\n        1.5,\n    ],\n}',
    );
    expect(pythonOf([])).toBe("[]");
  });

  it("is JavaScript that parses", () => {
    expect(() => new Function(`return async () => {${snippet("javascript", "http://x", request)}}`)).not.toThrow();
  });
});
