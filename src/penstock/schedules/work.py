"""What a schedule runs: a flow, or judges on the traces that have come since the last time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from penstock.executions.model import Submission
from penstock.flows.requests import RunWork
from penstock.flows.service import FlowService
from penstock.judges.bodies import JudgingBody
from penstock.judges.watching import NewTraces
from penstock.storage.schedules import ScheduleRecord
from penstock.storage.store import Transaction
from penstock.types import JsonObject

JUDGING = "judging"
"""The member of `run` that says which judges; what runs a flow has none."""


@dataclass(frozen=True)
class Work:
    """Makes what a schedule asks for ready to be submitted."""

    flows: FlowService
    new_traces: NewTraces

    async def check(self, schedule: ScheduleRecord) -> None:
        """Raises what `submission` would refuse, whether or not there is anything to do just now."""
        judging = judging_of(schedule.run)
        if judging is None:
            request = RunWork.model_validate(schedule.run).request()
            await self.flows.submission(schedule.tenant, schedule.flow_id, request)
        else:
            await self.new_traces.check(schedule.tenant, JudgingBody.model_validate(judging).request())

    async def submission(self, schedule: ScheduleRecord, created_by: str | None) -> Submission:
        """Raises what the flow service and `NewTraces` do, `NothingNew` among it."""
        judging = judging_of(schedule.run)
        if judging is None:
            run = replace(RunWork.model_validate(schedule.run).request(), created_by=created_by)
            return await self.flows.submission(schedule.tenant, schedule.flow_id, run)
        request = replace(JudgingBody.model_validate(judging).request(), created_by=created_by)
        return await self.new_traces.submission(schedule.tenant, schedule.id, schedule.created_at, request)


def judging_of(run: JsonObject) -> dict[str, Any] | None:
    """Which judges a schedule runs, and how, as JSON; None for a flow."""
    judging: dict[str, Any] | None = run.get(JUDGING)  # type: ignore[assignment]
    return judging


def with_firing(submission: Submission, firing: Transaction[None], execution_id: str) -> Transaction[None]:
    """What is written when it is accepted: the firing first, which may refuse, then the submission's own."""
    yield from firing
    if submission.alongside is not None:
        yield from submission.alongside(execution_id)
