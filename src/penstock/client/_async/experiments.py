"""Experiments: several variants on the same rows, held against a baseline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from penstock.client import calls
from penstock.client._async.handles import AsyncExecutionHandle
from penstock.client._async.transport import AsyncTransport
from penstock.client.evaluation_objects import Experiment, ExperimentStart, ExperimentSummary
from penstock.client.objects import Execution
from penstock.client.options import EvaluationOptions

_TOLD = ("system", "prompt", "promptId", "params", "inputs")
"""What a variant is told, of the options of a single evaluation."""


class AsyncExperiments:
    """`client.experiments`. An experiment's id is that of its execution."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        name: str,
        benchmark: str,
        variants: Sequence[Mapping[str, Any]],
        *,
        baseline: str | None = None,
        scorers: Sequence[Any] = (),
        options: EvaluationOptions | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncExecutionHandle:
        """Run variants side by side, and return the handle of the execution that runs them all.

        Each has a `name`, a `model` or a `flow`, and what it is told: `system`, `prompt`, `promptId`, `params`; what
        one leaves out of these is as in `options`. The one that `baseline` names is what the others are held against;
        by default the first. When it is over, `get` with the handle's id has the differences. Raises BadRequestError
        naming what is wrong.
        """
        body = (options or EvaluationOptions()).body()
        shared = {member: body.pop(member) for member in _TOLD if member in body}
        body |= {"name": name, "benchmark": benchmark, "variants": [{**shared, **variant} for variant in variants]}
        if baseline is not None:
            body["baseline"] = baseline
        if scorers:
            body["scorers"] = [*scorers]
        call = calls.start("/experiments", body, idempotency_key=idempotency_key)
        started = await self._transport.fetch(call, ExperimentStart)
        progress = Execution(execution_id=started.execution_id, status="pending", kind="evaluation")
        return AsyncExecutionHandle(self._transport, progress)

    async def get(self, experiment_id: str) -> Experiment:
        """What its variants found so far; when it is over, how each differs from the baseline. Raises NotFoundError."""
        path = f"/experiments/{calls.segment(experiment_id)}"
        return await self._transport.fetch(calls.get(path), Experiment)

    def list(self, *, limit: int | None = None) -> AsyncIterator[ExperimentSummary]:
        """Experiments, newest first: all, or the first `limit`."""
        return self._transport.pages("/experiments", ExperimentSummary, most=limit)
