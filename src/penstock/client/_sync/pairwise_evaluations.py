# Made from ../_async by scripts/unasync.py: change it there.
"""Pairwise evaluations: which of two traces, or of two evaluations' answers, a judge prefers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.client import calls
from penstock.client._sync.handles import ExecutionHandle
from penstock.client._sync.transport import Transport
from penstock.client.judge_objects import Compared, PairwiseEstimate, PairwiseEvaluation, PairwiseStart
from penstock.client.objects import Execution

_HERE = "/pairwise-evaluations"


class PairwiseHandle(ExecutionHandle):
    """A judge on pairs, as it runs: an execution's handle that also adds up what was preferred."""

    def summary(self) -> PairwiseEvaluation:
        """How often each side is better, and how often each place; so far or in the end."""
        return self._transport.fetch(calls.get(_path(self.execution_id)), PairwiseEvaluation)

    def pairs(self, *, limit: int | None = None) -> Iterator[Compared]:
        """Each pair that was compared, in order: all, or the first `limit`."""
        for item in self.items("succeeded", limit=limit):
            yield calls.parse(item.output, Compared)


class PairwiseEvaluations:
    """`client.pairwise_evaluations`. Their ids are their executions'."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        judge: str,
        *,
        traces: Sequence[Sequence[str]] = (),
        evaluations: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> PairwiseHandle:
        """Have a judge (id or name) say which is better: of the two of each pair of `traces` (ids), or of the answers
        of two `evaluations` (ids) to the same rows. Returns the handle at once.

        The two are shown in an order that chance decides. `options` may say `sample` (its seed decides the order),
        `concurrency`, `deadlineSeconds`, `onItemError`, `budget`, `metadata` and `webhook`. Raises NotFoundError,
        ConflictError for an evaluation that is not over, and BadRequestError naming each fault.
        """
        call = calls.start(_HERE, _body(judge, traces, evaluations, options), idempotency_key=idempotency_key)
        started = self._transport.fetch(call, PairwiseStart)
        progress = Execution(execution_id=started.execution_id, status="pending", kind="pairwise_evaluation")
        return PairwiseHandle(self._transport, progress)

    def estimate(
        self,
        judge: str,
        *,
        traces: Sequence[Sequence[str]] = (),
        evaluations: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> PairwiseEstimate:
        """The most that `create` would take with the same arguments. Nothing is started."""
        call = calls.post(f"{_HERE}/estimate", _body(judge, traces, evaluations, options), repeatable=True)
        return self._transport.fetch(call, PairwiseEstimate)

    def get(self, execution_id: str) -> PairwiseEvaluation:
        """What a judge's preferences amount to. Raises NotFoundError."""
        return self._transport.fetch(calls.get(_path(execution_id)), PairwiseEvaluation)


def _path(execution_id: str) -> str:
    return f"{_HERE}/{calls.segment(execution_id)}"


def _body(
    judge: str,
    traces: Sequence[Sequence[str]],
    evaluations: Sequence[str] | None,
    options: Mapping[str, Any] | None,
) -> dict[str, Any]:
    named = {"traces": [[*pair] for pair in traces], "evaluations": evaluations and [*evaluations]}
    return {"judge": judge, **{name: value for name, value in named.items() if value}, **(options or {})}
