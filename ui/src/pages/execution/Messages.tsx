import type { ReactNode } from "react";
import { detailOf } from "@/api/problem";
import type { Execution } from "@/api/types";
import { Cost, Time } from "@/components/Values";
import { classes } from "@/lib/classes";
import { count, duration } from "@/lib/format";

/** What has to be said about a run beside its numbers: why it stands still, why it failed, what a cancel did. */
export function Messages({ execution, error }: { execution: Execution; error: Error | null }) {
  const { error: failure, pauseReason, cancelReceipt: receipt } = execution;
  return (
    <div className="grid gap-2 px-4 md:px-6 [&>*]:mt-3">
      {error && <Message tone="bad">{detailOf(error)}</Message>}
      {failure && !receipt && (
        <Message tone="bad">
          <code className="font-mono text-xs">{failure.code}</code> {failure.message}
        </Message>
      )}
      {pauseReason && execution.status === "paused" && (
        <Message tone="warn">
          Paused
          {execution.pausedAt && (
            <>
              {" "}
              at <Time at={execution.pausedAt} />
            </>
          )}
          : {pauseReason.message}
        </Message>
      )}
      {receipt && (
        <Message tone="plain">
          <strong className="font-medium">Cancelled.</strong> The last call stopped{" "}
          {duration(Date.parse(receipt.stoppedAt) - Date.parse(receipt.requestedAt))} after it was asked for at{" "}
          <Time at={receipt.requestedAt} />: {count(receipt.itemsFinished)} items finished and kept,{" "}
          {count(receipt.itemsDropped)} dropped, {count(receipt.callsAborted)} calls cut off,{" "}
          <Cost usd={receipt.costAfterRequestUsd} /> spent after the click.
        </Message>
      )}
    </div>
  );
}

const TONES = { bad: "bg-bad-soft text-bad", warn: "bg-warn-soft text-warn", plain: "bg-hover" };

function Message({ tone, children }: { tone: keyof typeof TONES; children: ReactNode }) {
  return <p className={classes("rounded-lg px-3 py-2 text-sm text-pretty", TONES[tone])}>{children}</p>;
}
