import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ban, RotateCcw } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { detailOf } from "@/api/problem";
import type { Execution } from "@/api/types";
import { Button } from "@/components/Button";
import { Confirm } from "@/components/Dialog";
import { toast } from "@/components/Toasts";
import { counted } from "@/lib/format";
import { useMay } from "@/session/whoami";
import { canCancel, canRetry } from "./data";

type Action = "cancel" | "retry";

/** What can be done with the chosen ones, asked about once. */
export function BulkBar({ selected, onDone }: { selected: readonly Execution[]; onDone: () => void }) {
  const [asked, setAsked] = useState<Action | null>(null);
  const may = useMay("executions:run");
  const bulk = useBulk(() => {
    setAsked(null);
    onDone();
  });
  const fitting = { cancel: selected.filter(canCancel), retry: selected.filter(canRetry) };
  const failed = fitting.retry.reduce((sum, execution) => sum + execution.counts.failed, 0);
  return (
    <div className="flex shrink-0 flex-wrap items-center gap-2 border-b border-line bg-accent-soft px-4 py-1.5 text-sm md:px-6">
      <span className="mr-auto font-medium">{counted(selected.length, "execution")} chosen</span>
      <Button
        icon={<Ban aria-hidden size={14} />}
        disabled={!may || fitting.cancel.length === 0}
        onClick={() => setAsked("cancel")}
      >
        {`Cancel ${fitting.cancel.length}`}
      </Button>
      <Button
        icon={<RotateCcw aria-hidden size={14} />}
        disabled={!may || fitting.retry.length === 0}
        onClick={() => setAsked("retry")}
      >
        {`Retry ${fitting.retry.length}`}
      </Button>
      <Button look="quiet" onClick={onDone}>
        Choose none
      </Button>
      {asked && (
        <Confirm
          title={`${asked === "cancel" ? "Cancel" : "Retry"} ${counted(fitting[asked].length, "execution")}?`}
          does={asked === "cancel" ? "Cancel them" : "Retry them"}
          danger={asked === "cancel"}
          busy={bulk.isPending}
          onConfirm={() => bulk.mutate({ action: asked, executions: fitting[asked] })}
          onClose={() => setAsked(null)}
        >
          {asked === "cancel" ? (
            <p>
              No step starts any more and calls in flight are cut off. Finished items are kept, and what is cancelled
              can go on later where it stopped.
            </p>
          ) : (
            <p>
              {failed > 0 ? `${counted(failed, "failed item")} run again` : "Items that never ran are run"}, inside the
              same executions. What succeeded is kept and is not paid for again.
            </p>
          )}
        </Confirm>
      )}
    </div>
  );
}

interface Wanted {
  action: Action;
  executions: readonly Execution[];
}

function useBulk(onDone: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async ({ action, executions }: Wanted) => {
      const answers = await Promise.allSettled(executions.map((execution) => act(action, execution)));
      const faults = answers.filter((answer) => answer.status === "rejected").map((answer) => detailOf(answer.reason));
      return { action, done: executions.filter((_, n) => answers[n]?.status === "fulfilled"), faults };
    },
    onSuccess: ({ action, done, faults }) => {
      if (done.length > 0) {
        const undo = () =>
          void Promise.allSettled(done.map((execution) => retry(execution.executionId, "unfinished"))).then(() =>
            queries.invalidateQueries({ queryKey: ["executions"] }),
          );
        toast(`${counted(done.length, "execution")} ${action === "cancel" ? "cancelled" : "reopened"}.`, {
          action: action === "cancel" ? { does: "Undo", run: undo } : null,
        });
      }
      for (const fault of new Set(faults)) toast(fault, { bad: true });
      onDone();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["executions"] }),
  });
}

function act(action: Action, execution: Execution) {
  if (action === "retry") return retry(execution.executionId, execution.counts.failed > 0 ? "failed" : "unfinished");
  return api.POST("/executions/{executionId}/cancel", { params: { path: { executionId: execution.executionId } } });
}

function retry(executionId: string, items: "failed" | "unfinished") {
  return api.POST("/executions/{executionId}/retry", {
    params: { path: { executionId } },
    body: { items, errorCodes: [], flowVersion: "same" },
  });
}
