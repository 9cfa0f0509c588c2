"""Trace evaluations as a job: each item is one judge on one trace, each turn of the judge a step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.errors import NotFound, StepError
from penstock.executions.inputs import stored_inputs
from penstock.executions.item import ItemFailed, ItemRun
from penstock.executions.model import Execution, Planned
from penstock.judges.judging import Recorded, judge, whole_trace
from penstock.judges.model import JudgeVersion, Unscorable, Verdict
from penstock.models.gateway import Gateway
from penstock.storage import trace_evaluations as rows
from penstock.storage.store import Store
from penstock.traces.reading import TraceReader
from penstock.types import Json


class ItemInput(msgspec.Struct, frozen=True, rename="camel"):
    """What an item is handed: its verdict's id, a trace, and which of the execution's judges judges it."""

    evaluation: str
    trace: str
    judge: int


@dataclass(frozen=True)
class TraceEvaluationJob:
    """One execution of kind `trace_evaluation`."""

    execution: Execution
    judges: Sequence[JudgeVersion]
    store: Store
    traces: TraceReader
    models: Gateway
    finished: Callable[[Execution], Coroutine[Any, Any, None]]

    @property
    def single(self) -> bool:
        return False

    @property
    def steps_per_item(self) -> int:
        return 1

    async def plan(self) -> AsyncIterator[list[Planned]]:
        async for page in stored_inputs(self.store, self.execution):
            yield page

    async def run_item(self, item: ItemRun) -> Json:
        given = msgspec.convert(item.input, ItemInput)
        try:
            said = await self._said(item, given)
        except ItemFailed as failed:
            await self.store.write(rows.fail(self.execution.tenant, given.evaluation, failed.info.message, now_ms()))
            raise
        # The item is finished right after. A crash in between finds the turns in the journal, and writes the same.
        await self.store.write(rows.record(self.execution.tenant, given.evaluation, said, now_ms()))
        return self._output(given, said)

    async def finish(self, execution: Execution) -> Json:
        await self.finished(execution)
        return None

    async def _said(self, item: ItemRun, given: ItemInput) -> Verdict | Unscorable:
        tenant = self.execution.tenant
        try:
            subject = await whole_trace(self.traces, tenant, given.trace)
        except NotFound as error:
            gone = StepError("trace_unknown", "The trace has been deleted since it was to be judged.")
            raise item.failure(None, gone) from error
        return await judge(self.judges[given.judge], subject, Recorded(item, tenant, self.models))

    def _output(self, given: ItemInput, said: Verdict | Unscorable) -> Json:
        """What the execution's results have of it; what each turn found is with the verdict itself."""
        spec: Any = self.execution.spec
        judged = spec["judges"][given.judge]
        about: dict[str, Json] = {
            "id": given.evaluation,
            "traceId": given.trace,
            "judge": {name: judged[name] for name in ("id", "name", "version")},
        }
        if isinstance(said, Unscorable):
            return {**about, "status": "unscorable", "reason": said.reason}
        verdict = {name: value for name, value in msgspec.to_builtins(said).items() if name != "steps"}
        return {**about, "status": "scored", **verdict}
