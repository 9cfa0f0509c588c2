import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Execution } from "@/api/types";
import { Code } from "@/components/Code";
import { Empty, Failure, Skeleton } from "@/components/Notices";
import { classes } from "@/lib/classes";
import { counted } from "@/lib/format";
import { readItems } from "./items";
import { belowKey } from "./live";
import { LANGUAGES, requestOf, snippet } from "./snippets";

const SHOWN = 3;

/** How a run like this is started by a program. */
export function RequestTab({ execution }: { execution: Execution }) {
  const [language, setLanguage] = useState<(typeof LANGUAGES)[number]["id"]>("curl");
  const { executionId } = execution;
  const first = useQuery({
    queryKey: [...belowKey(executionId), "first"],
    queryFn: async () =>
      (await readItems(executionId, { limit: SHOWN }))
        .filter((item) => !item.path.includes("."))
        .map((item) => item.input),
    enabled: execution.kind === "flow",
  });
  if (execution.kind !== "flow") {
    return (
      <Empty title={`A ${execution.kind} is not started by one request like this`}>
        <p>
          Its definition is with the {execution.kind} itself;{" "}
          <a className="text-accent underline" href="/docs">
            the API
          </a>{" "}
          says how one is started.
        </p>
      </Empty>
    );
  }
  if (first.data === undefined) return first.error ? <Failure error={first.error} /> : <Skeleton />;
  const inputs = first.data.filter((input) => input !== null);
  const left = (execution.totalItems ?? inputs.length) - inputs.length;
  return (
    <div className="grid max-w-4xl gap-3 px-4 py-3 md:px-6">
      <fieldset className="flex gap-1.5">
        <legend className="sr-only">Language</legend>
        {LANGUAGES.map(({ id, label }) => (
          <button
            key={id}
            type="button"
            aria-pressed={id === language}
            onClick={() => setLanguage(id)}
            className={classes(
              "h-7 rounded-full border px-2.5 text-xs",
              id === language
                ? "border-accent bg-accent-soft font-medium text-accent"
                : "border-line-strong hover:bg-hover",
            )}
          >
            {label}
          </button>
        ))}
      </fieldset>
      <Code label="request" text={snippet(language, window.location.origin, requestOf(execution, inputs))} />
      <p className="text-sm text-pretty text-quiet">
        {left > 0 && `${counted(left, "more item")} were part of this run and are left out here. `}
        The key is taken from the variable PENSTOCK_API_KEY.
      </p>
    </div>
  );
}
