import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, body } from "@/api/client";
import { detailOf } from "@/api/problem";
import type { Execution } from "@/api/types";
import { Button } from "@/components/Button";
import { Dialog } from "@/components/Dialog";
import { Field, Input } from "@/components/Fields";
import { dollars } from "@/lib/format";
import { given } from "@/lib/search";
import { remember } from "./live";

/** How a paused run goes on: as before, or with another concurrency or budget. */
export function ResumeDialog({ execution, onClose }: { execution: Execution; onClose: () => void }) {
  const queries = useQueryClient();
  const [concurrency, setConcurrency] = useState("");
  const [usd, setUsd] = useState("");
  const resume = useMutation({
    mutationFn: () =>
      body(
        api.POST("/executions/{executionId}/resume", {
          params: { path: { executionId: execution.executionId } },
          body: given({
            concurrency: concurrency === "" ? undefined : Number(concurrency),
            budget: usd === "" ? undefined : { usd },
          }) as never,
        }),
      ),
    onSuccess: (resumed) => {
      remember(queries, resumed);
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    resume.mutate();
  };
  const budget = execution.budget;
  return (
    <Dialog title="Resume" onClose={onClose}>
      <form onSubmit={submit} className="grid gap-4 p-4">
        <p className="text-sm text-pretty text-quiet">
          It goes on where it stopped: nothing that is recorded runs again. What is left empty stays as it was.
        </p>
        <Field label="Items at once" hint="How many run at the same time.">
          {(bound) => (
            <Input
              {...bound}
              type="number"
              min={1}
              step={1}
              inputMode="numeric"
              placeholder="As before"
              value={concurrency}
              onChange={(event) => setConcurrency(event.target.value)}
            />
          )}
        </Field>
        <Field
          label="Budget in US dollars"
          hint={
            budget?.usd
              ? `For the whole run from its beginning. ${dollars(budget.spent.usd)} of ${dollars(budget.usd)} are spent.`
              : "For the whole run from its beginning."
          }
        >
          {(bound) => (
            <Input
              {...bound}
              inputMode="decimal"
              pattern="[0-9]+([.][0-9]+)?"
              title="An amount such as 2.50"
              placeholder={budget?.usd ?? "None"}
              value={usd}
              onChange={(event) => setUsd(event.target.value)}
            />
          )}
        </Field>
        {resume.error && <p className="rounded-md bg-bad-soft px-3 py-2 text-sm text-bad">{detailOf(resume.error)}</p>}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Not now</Button>
          <Button type="submit" look="primary" busy={resume.isPending}>
            Resume
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
