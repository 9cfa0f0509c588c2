# Made from ../_async by scripts/unasync.py: change it there.
"""Evaluations: models and flows on benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, overload

from penstock.client import calls
from penstock.client._sync.executions import Executions
from penstock.client._sync.handles import ExecutionHandle, ProgressListener
from penstock.client._sync.transport import Pages, Transport
from penstock.client.calls import Call
from penstock.client.evaluation_objects import (
    Evaluation,
    EvaluationEstimate,
    EvaluationRow,
    EvaluationStart,
    RowOutcome,
    RowStatus,
)
from penstock.client.objects import Execution, Status
from penstock.client.options import EvaluationOptions
from penstock.client.polling import ACCEPT

_EXECUTION = "exec_"


class EvaluationHandle(ExecutionHandle):
    """One evaluation that runs: an execution's handle that also knows what it is for.

    `id` is the evaluation's, `execution_id` its execution's, which several variants may share.
    """

    def __init__(self, transport: Transport, evaluation_id: str, progress: Execution) -> None:
        super().__init__(transport, progress)
        self._evaluation_id = evaluation_id

    @property
    def id(self) -> str:
        """The evaluation's id."""
        return self._evaluation_id

    def results(self) -> Evaluation:
        """What its rows add up to, so far or in the end."""
        return self._transport.fetch(calls.get(_path(self.id)), Evaluation)

    def rows(self, outcome: RowOutcome | None = None, *, limit: int | None = None) -> Pages[EvaluationRow]:
        """Its rows in the order of the benchmark: all, or the first `limit` of one outcome by the first scorer."""
        return self._transport.pages(f"{_path(self.id)}/results", EvaluationRow, most=limit, outcome=outcome)

    def retry_scores(self) -> Execution:
        """Score again where scoring went wrong, inside the same execution; no answer is asked for again."""
        call = calls.post(f"{_path(self.id)}/retry", {"what": "scores"})
        self.progress = self._transport.fetch(call, Execution)
        return self.progress

    def delete(self) -> None:
        """Remove it with its rows. Raises ConflictError while it runs."""
        self._transport.send(calls.delete(_path(self.id)))


class Evaluations:
    """`client.evaluations`."""

    def __init__(self, transport: Transport, executions: Executions) -> None:
        self._transport = transport
        self._executions = executions

    def create(
        self,
        *,
        benchmark: str,
        model: str | None = None,
        flow: str | None = None,
        scorers: Sequence[Any] = (),
        options: EvaluationOptions | None = None,
        idempotency_key: str | None = None,
    ) -> EvaluationHandle:
        """Evaluate a model (`provider/name`, or a saved one) or a flow (id or name) on a benchmark (id or key).

        `scorers` are types (`"exact"`), saved scorers, or settings (`{"type": "numeric", "tolerance": 0.01}`); by
        default the benchmark's own. Returns its handle at once. Raises BadRequestError naming what is wrong.
        """
        body = _body(benchmark, model, flow, scorers, options)
        call = calls.start("/evaluations", body, idempotency_key=idempotency_key)
        return self._handle(self._transport.fetch(call, EvaluationStart))

    def estimate(
        self,
        *,
        benchmark: str,
        model: str | None = None,
        flow: str | None = None,
        scorers: Sequence[Any] = (),
        options: EvaluationOptions | None = None,
    ) -> EvaluationEstimate:
        """What `create` would take with the same arguments: rows, calls, the most it can cost, and the smallest
        difference it can show. Nothing is started."""
        body = _body(benchmark, model, flow, scorers, options)
        return self._transport.fetch(calls.post("/evaluations/estimate", body, repeatable=True), EvaluationEstimate)

    def get(self, evaluation_id: str) -> Evaluation:
        """One evaluation with what its rows add up to so far. Raises NotFoundError."""
        return self._transport.fetch(calls.get(_path(evaluation_id)), Evaluation)

    def handle(self, evaluation_id: str) -> EvaluationHandle:
        """The handle of an evaluation, to wait for it or steer it. Raises NotFoundError."""
        found = self.get(evaluation_id)
        progress = found.progress or Execution(execution_id=found.execution_id, status="pending")
        return EvaluationHandle(self._transport, evaluation_id, progress)

    def list(
        self,
        *,
        benchmark: str | None = None,
        model: str | None = None,
        status: Status | None = None,
        search: str | None = None,
        sort: Literal["created", "accuracy", "duration"] = "created",
        limit: int | None = None,
    ) -> Pages[Evaluation]:
        """Evaluations, the newest (or the most accurate, or the slowest) first: all, or those that match."""
        return self._transport.pages(
            "/evaluations",
            Evaluation,
            most=limit,
            benchmark=benchmark,
            model=model,
            status=status,
            search=search,
            sort=sort,
        )

    def rows(
        self,
        evaluation_id: str,
        *,
        status: RowStatus | None = None,
        outcome: RowOutcome | None = None,
        subset: str | None = None,
        search: str | None = None,
        limit: int | None = None,
    ) -> Pages[EvaluationRow]:
        """Its rows in the order of the benchmark, also while it runs: all, or those that match.

        `outcome` is the first scorer's, `search` a text in input, truth or output.
        """
        path = f"{_path(evaluation_id)}/results"
        return self._transport.pages(
            path, EvaluationRow, most=limit, status=status, outcome=outcome, subset=subset, search=search
        )

    def save_rows(self, evaluation_id: str, path: Path, format: Literal["ndjson", "csv"]) -> int:  # noqa: A002
        """Write all rows to a file as they come; returns the bytes written."""
        source = f"{_path(evaluation_id)}/results"
        return self._transport.download(Call(method="GET", path=source, headers={"accept": ACCEPT[format]}), path)

    def rescore(
        self, evaluation_id: str, scorers: Sequence[Any], *, name: str | None = None, idempotency_key: str | None = None
    ) -> EvaluationHandle:
        """Score its answers with other scorers, as a new evaluation; the model is not asked again."""
        body = {"scorers": [*scorers]} | ({} if name is None else {"name": name})
        call = calls.start(f"{_path(evaluation_id)}/rescore", body, idempotency_key=idempotency_key)
        return self._handle(self._transport.fetch(call, EvaluationStart))

    def delete(self, evaluation_id: str) -> None:
        """Remove an evaluation with its rows. Raises ConflictError while it runs."""
        self._transport.send(calls.delete(_path(evaluation_id)))

    @overload
    def wait_for_completion(
        self,
        evaluation: EvaluationHandle,
        timeout: float = 300.0,
        on_progress: ProgressListener | None = None,
        *,
        show_progress: bool = True,
    ) -> Evaluation: ...

    @overload
    def wait_for_completion(
        self,
        evaluation: str | ExecutionHandle,
        timeout: float = 300.0,
        on_progress: ProgressListener | None = None,
        *,
        show_progress: bool = True,
    ) -> Any: ...

    def wait_for_completion(
        self,
        evaluation: str | ExecutionHandle,
        timeout: float = 300.0,
        on_progress: ProgressListener | None = None,
        *,
        show_progress: bool = True,
    ) -> Any:
        """Wait until an evaluation is over, and return it; or an execution of any kind, and return how it ended.

        Takes the id or the handle of either. A bar is drawn on standard error when that is a terminal. Raises what
        `ExecutionHandle.wait` raises.
        """
        handle = self._attached(evaluation) if isinstance(evaluation, str) else evaluation
        final = handle.wait(timeout, on_progress, show_progress=show_progress)
        return handle.results() if isinstance(handle, EvaluationHandle) else final

    def _attached(self, some_id: str) -> ExecutionHandle:
        if some_id.startswith(_EXECUTION):
            return self._executions.get(some_id)
        return self.handle(some_id)

    def _handle(self, started: EvaluationStart) -> EvaluationHandle:
        progress = Execution(execution_id=started.execution_id, status="pending", kind="evaluation")
        return EvaluationHandle(self._transport, started.evaluation_id, progress)


def _body(
    benchmark: str, model: str | None, flow: str | None, scorers: Sequence[Any], options: EvaluationOptions | None
) -> dict[str, Any]:
    named = {"benchmark": benchmark, "model": model, "flow": flow, "scorers": [*scorers] or None}
    given = {name: value for name, value in named.items() if value is not None}
    return given | (options or EvaluationOptions()).body()


def _path(evaluation_id: str) -> str:
    return f"/evaluations/{calls.segment(evaluation_id)}"
