# Made from ../_async by scripts/unasync.py: change it there.
"""Trace evaluations: what judges say of traces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.client import calls
from penstock.client._sync.handles import ExecutionHandle
from penstock.client._sync.transport import Pages, Transport
from penstock.client.judge_objects import (
    JudgeSummary,
    Outcome,
    Summaries,
    TraceEvaluation,
    TraceEvaluationEstimate,
    TraceEvaluationStart,
)
from penstock.client.objects import Execution

_HERE = "/trace-evaluations"


class TraceEvaluationHandle(ExecutionHandle):
    """Judges on traces, as they run: an execution's handle that also knows what it brings.

    `evaluation_ids` are the first thousand, by trace, then judge.
    """

    def __init__(self, transport: Transport, evaluation_ids: Sequence[str], progress: Execution) -> None:
        super().__init__(transport, progress)
        self.evaluation_ids = tuple(evaluation_ids)

    def summary(self) -> tuple[JudgeSummary, ...]:
        """What it amounts to by judge, so far or in the end."""
        call = calls.get(f"{_HERE}/summary", execution=self.execution_id)
        return (self._transport.fetch(call, Summaries)).judges

    def verdicts(self, outcome: Outcome | None = None, *, limit: int | None = None) -> Pages[TraceEvaluation]:
        """Its verdicts, newest first: all, or the first `limit` of one outcome."""
        return self._transport.pages(_HERE, TraceEvaluation, most=limit, execution=self.execution_id, outcome=outcome)


class TraceEvaluations:
    """`client.trace_evaluations`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        judges: str | Sequence[str],
        traces: str | Sequence[str] = (),
        options: Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> TraceEvaluationHandle:
        """Have each of the judges (ids or names) judge each of the traces (ids). Returns the handle at once.

        `options` may say `filter` in the place of traces, `sample`, `thresholds`, `concurrency`, `deadlineSeconds`,
        `onItemError`, `budget`, `metadata` and `webhook`. Raises NotFoundError, and BadRequestError naming each fault.
        """
        call = calls.start(_HERE, _body(judges, traces, options), idempotency_key=idempotency_key)
        started = self._transport.fetch(call, TraceEvaluationStart)
        progress = Execution(execution_id=started.execution_id, status="pending", kind="trace_evaluation")
        return TraceEvaluationHandle(self._transport, started.evaluation_ids, progress)

    def estimate(
        self, judges: str | Sequence[str], traces: str | Sequence[str] = (), options: Mapping[str, Any] | None = None
    ) -> TraceEvaluationEstimate:
        """The most that `create` would take with the same arguments. Nothing is started."""
        call = calls.post(f"{_HERE}/estimate", _body(judges, traces, options), repeatable=True)
        return self._transport.fetch(call, TraceEvaluationEstimate)

    def get(self, evaluation_id: str) -> TraceEvaluation:
        """One judge on one trace, with the whole verdict where it has come. Raises NotFoundError."""
        return self._transport.fetch(calls.get(f"{_HERE}/{calls.segment(evaluation_id)}"), TraceEvaluation)

    def list(
        self,
        *,
        judge: str | None = None,
        trace: str | None = None,
        execution: str | None = None,
        outcome: Outcome | None = None,
        search: str | None = None,
        limit: int | None = None,
    ) -> Pages[TraceEvaluation]:
        """Verdicts, the newest first, also those still to come: all, or those that match."""
        return self._transport.pages(
            _HERE,
            TraceEvaluation,
            most=limit,
            judge=judge,
            trace=trace,
            execution=execution,
            outcome=outcome,
            search=search,
        )

    def summary(self, *, judge: str | None = None, execution: str | None = None) -> tuple[JudgeSummary, ...]:
        """What verdicts amount to, by judge and version: pass rates with intervals, and coverage."""
        call = calls.get(f"{_HERE}/summary", judge=judge, execution=execution)
        return (self._transport.fetch(call, Summaries)).judges


def _body(
    judges: str | Sequence[str], traces: str | Sequence[str], options: Mapping[str, Any] | None
) -> dict[str, Any]:
    named = {"judges": _several(judges), "traces": _several(traces)}
    return {name: value for name, value in named.items() if value} | dict(options or {})


def _several(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else [*names]
