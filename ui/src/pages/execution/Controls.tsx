import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ban, Download, Pause, Play, RotateCcw } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { detailOf } from "@/api/problem";
import { type Execution, isOver } from "@/api/types";
import { Button } from "@/components/Button";
import { Confirm } from "@/components/Dialog";
import { Menu, MenuItem } from "@/components/Menu";
import { toast } from "@/components/Toasts";
import { useMay } from "@/session/whoami";
import { download, FORMATS } from "./downloads";
import { remember } from "./live";
import { ResumeDialog } from "./ResumeDialog";
import { retryItems } from "./retry";

/** Everything that can be done with a run as it is. */
export function Controls({ execution }: { execution: Execution }) {
  const may = useMay("executions:run");
  const over = isOver(execution.status);
  return (
    <>
      {may && !over && execution.status !== "paused" && <PauseButton execution={execution} />}
      {may && execution.status === "paused" && <ResumeButton execution={execution} />}
      {may && !over && <CancelButton execution={execution} />}
      {may && over && <RetryButton execution={execution} />}
      {over && <DownloadMenu execution={execution} />}
    </>
  );
}

function useAct(act: () => Promise<unknown>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: async () => {
      await act();
    },
    onError: (error) => toast(detailOf(error), { bad: true }),
    onSettled: () => queries.invalidateQueries({ queryKey: ["execution"] }),
  });
}

function PauseButton({ execution }: { execution: Execution }) {
  const params = { path: { executionId: execution.executionId } };
  const pause = useAct(() => api.POST("/executions/{executionId}/pause", { params }));
  const asked = execution.pauseRequestedAt !== null;
  return (
    <Button
      icon={<Pause aria-hidden size={14} />}
      busy={pause.isPending}
      disabled={asked}
      onClick={() => pause.mutate()}
      title="No step starts any more; those in flight finish and are kept"
    >
      {asked ? "Pausing" : "Pause"}
    </Button>
  );
}

function ResumeButton({ execution }: { execution: Execution }) {
  const [asked, setAsked] = useState(false);
  return (
    <>
      <Button look="primary" icon={<Play aria-hidden size={14} />} onClick={() => setAsked(true)}>
        Resume
      </Button>
      {asked && <ResumeDialog execution={execution} onClose={() => setAsked(false)} />}
    </>
  );
}

function CancelButton({ execution }: { execution: Execution }) {
  const [asked, setAsked] = useState(false);
  const params = { path: { executionId: execution.executionId } };
  const cancel = useAct(() => api.POST("/executions/{executionId}/cancel", { params }));
  return (
    <>
      <Button
        look="danger"
        icon={<Ban aria-hidden size={14} />}
        disabled={execution.cancelRequestedAt !== null}
        onClick={() => setAsked(true)}
      >
        {execution.cancelRequestedAt === null ? "Cancel" : "Cancelling"}
      </Button>
      {asked && (
        <Confirm
          title="Cancel this execution?"
          does="Cancel it"
          danger
          busy={cancel.isPending}
          onConfirm={() => cancel.mutate(undefined, { onSettled: () => setAsked(false) })}
          onClose={() => setAsked(false)}
        >
          <p>
            No step starts any more and calls in flight are cut off; finished items are kept. A receipt says what was
            dropped and what was spent after the click. It can go on later where it stopped, by a retry.
          </p>
        </Confirm>
      )}
    </>
  );
}

function RetryButton({ execution }: { execution: Execution }) {
  const queries = useQueryClient();
  const { failed, cancelled } = execution.counts;
  const retry = useMutation({
    mutationFn: (items: "failed" | "unfinished") => retryItems(execution.executionId, items),
    onSuccess: (reopened) => remember(queries, reopened),
    onError: (error) => toast(detailOf(error), { bad: true }),
  });
  return (
    <>
      {failed > 0 && (
        <Button
          look="primary"
          icon={<RotateCcw aria-hidden size={14} />}
          busy={retry.isPending}
          onClick={() => retry.mutate("failed")}
          title="They run again inside this execution; what succeeded is kept"
        >
          Retry {failed.toLocaleString("en")} failed
        </Button>
      )}
      {cancelled > 0 && (
        <Button icon={<Play aria-hidden size={14} />} busy={retry.isPending} onClick={() => retry.mutate("unfinished")}>
          Go on with the rest
        </Button>
      )}
    </>
  );
}

function DownloadMenu({ execution }: { execution: Execution }) {
  return (
    <Menu
      trigger={
        <Button icon={<Download aria-hidden size={14} />} title="Results and items as files">
          Download
        </Button>
      }
    >
      {FORMATS.map((format) => (
        <MenuItem
          key={format.label}
          onSelect={() =>
            void download(execution.executionId, format).catch((error: unknown) =>
              toast(detailOf(error), { bad: true }),
            )
          }
        >
          {format.label}
        </MenuItem>
      ))}
    </Menu>
  );
}
