/** The request that starts a run like this, in the languages people paste it into. */
import type { Execution } from "@/api/types";

export const LANGUAGES = [
  { id: "curl", label: "curl" },
  { id: "python", label: "Python" },
  { id: "javascript", label: "JavaScript" },
] as const;

export interface FlowRequest {
  flow: string;
  body: Record<string, unknown>;
}

export function requestOf(execution: Execution, inputs: unknown[]): FlowRequest {
  const { usd, tokens, ecu } = execution.budget ?? { usd: null, tokens: null, ecu: null };
  const budget = Object.fromEntries(Object.entries({ usd, tokens, ecu }).filter(([, value]) => value !== null));
  return {
    flow: execution.flowName,
    body: {
      inputs,
      ...(execution.flowVersion === null ? {} : { version: execution.flowVersion }),
      ...(Object.keys(budget).length > 0 ? { budget } : {}),
      ...(execution.metadata ? { metadata: execution.metadata } : {}),
    },
  };
}

export function snippet(language: (typeof LANGUAGES)[number]["id"], server: string, request: FlowRequest): string {
  const url = `${server}/flows/${encodeURIComponent(request.flow)}/executions`;
  const json = JSON.stringify(request.body, null, 2);
  switch (language) {
    case "curl":
      return [
        `curl ${quoted(url)} \\`,
        `  -H "Authorization: Bearer $PENSTOCK_API_KEY" \\`,
        `  -H "Content-Type: application/json" \\`,
        `  -d ${quoted(json)}`,
      ].join("\n");
    case "python":
      return pythonSnippet(server, request);
    case "javascript":
      return [
        `const answer = await fetch(${JSON.stringify(url)}, {`,
        `  method: "POST",`,
        "  headers: {",
        // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a template where it is pasted
        "    Authorization: `Bearer ${process.env.PENSTOCK_API_KEY}`,",
        `    "Content-Type": "application/json",`,
        "  },",
        `  body: JSON.stringify(${json.replaceAll("\n", "\n  ")}),`,
        "});",
        "console.log(await answer.json());",
      ].join("\n");
  }
}

function pythonSnippet(server: string, { flow, body }: FlowRequest): string {
  const { inputs, ...options } = body;
  const set = Object.entries(options).map(([name, value]) => `${name}=${pythonOf(value, 1)}`);
  const more = set.length > 0 ? `, options=RunOptions(${set.join(", ")})` : "";
  return [
    `from penstock import Penstock${set.length > 0 ? ", RunOptions" : ""}`,
    "",
    `with Penstock(${JSON.stringify(server)}) as penstock:`,
    `    handle = penstock.flows.run(${pythonOf(flow)}, ${pythonOf(inputs, 1)}${more})`,
    "    print(handle.wait().results)",
  ].join("\n");
}

/** For a shell: between single quotes only a single quote means something. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A value as Python writes it. */
export function pythonOf(value: unknown, depth = 0): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = "    ".repeat(depth + 1);
  const end = `\n${"    ".repeat(depth)}`;
  const parts = Array.isArray(value)
    ? value.map((each) => inner + pythonOf(each, depth + 1))
    : Object.entries(value).map(([name, each]) => `${inner}${JSON.stringify(name)}: ${pythonOf(each, depth + 1)}`);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  return parts.length === 0 ? open + close : `${open}\n${parts.join(",\n")},${end}${close}`;
}
