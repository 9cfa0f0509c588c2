"""An optimization as a job: one item, which searches and then measures; each call of it is a step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.executions.inputs import stored_inputs
from penstock.executions.item import ItemRun
from penstock.executions.model import Execution, Planned
from penstock.models.gateway import Gateway
from penstock.optimization.journalled import Calls
from penstock.optimization.model import Candidate, Example, Plan, Report
from penstock.optimization.report import compare
from penstock.optimization.search import Found, Setting, search
from penstock.optimization.splitting import Split, most_reflections, split
from penstock.optimization.targets import Target
from penstock.optimization.thinking import think
from penstock.storage import optimizations as rows
from penstock.storage.store import Store
from penstock.types import Json

CANDIDATE = "candidate"
"""The type of the events that tell of candidates."""


class ItemInput(msgspec.Struct, frozen=True):
    """The item's input: the examples as they were when it started."""

    examples: tuple[Example, ...]


@dataclass(frozen=True)
class OptimizationJob:
    """One execution of kind `optimization`."""

    execution: Execution
    plan_: Plan
    target: Target
    store: Store
    models: Gateway

    @property
    def single(self) -> bool:
        return True

    @property
    def steps_per_item(self) -> int:
        plan = self.plan_
        return plan.metric_calls + most_reflections(plan.parts, plan.metric_calls)

    async def plan(self) -> AsyncIterator[list[Planned]]:
        async for page in stored_inputs(self.store, self.execution):
            yield page

    async def run_item(self, item: ItemRun) -> Json:
        examples = msgspec.convert(item.input, ItemInput).examples
        divided = split(examples, self.plan_.metric_calls, self.plan_.seed)
        # Both instructions on the test part: what the search cannot spend.
        reserved = 2 * len(divided.test)
        allowed = self.plan_.metric_calls - reserved
        calls = Calls(item, self.target, self.models, self.execution.tenant, allowed=allowed)
        setting = Setting(
            target=self.target,
            split=divided,
            calls=calls,
            metric_calls=self.plan_.metric_calls,
            reflection_model=self.plan_.reflection_model,
            seed=self.plan_.seed,
            tell=lambda candidate: self._tell(item, candidate),
        )
        found = await think(lambda ask: search(ask, setting), f"penstock-search-{self.execution.id}")
        calls.allow(reserved)
        report = await self._report(found, divided, calls)
        await self.store.write(rows.finish(self.execution.tenant, self.execution.id, report))
        built: Json = msgspec.to_builtins(report)
        return built

    async def finish(self, execution: Execution) -> Json:
        return None

    async def _tell(self, item: ItemRun, candidate: Candidate) -> None:
        """Keep a candidate, and tell of it; one that was told of before the last crash is not told of again."""
        told = msgspec.to_builtins(candidate)
        del told["instruction"]
        execution = self.execution
        await item.tell(
            CANDIDATE, told, lambda: rows.add_candidate(execution.tenant, execution.id, candidate, now_ms())
        )

    async def _report(self, found: Found, divided: Split, calls: Calls) -> Report:
        target, best, test = self.target, found.best, divided.test
        before = await calls.score(target.instruction, test)
        after: Sequence[Any] | None = None
        if best.number != 0 and best.instruction is not None:
            after = await calls.score(best.instruction, test)
        compared = await asyncio.to_thread(compare, target.classes, test, before, after)
        return Report(
            outcome=compared.outcome,
            summary=compared.summary,
            original=target.instruction,
            optimized=best.instruction or target.instruction,
            best=best.number,
            candidates=found.candidates,
            accepted=found.accepted,
            before=compared.before,
            after=compared.after,
            paired=compared.paired,
            metric_calls=calls.spent,
            metric_calls_allowed=self.plan_.metric_calls,
            reflection_calls=calls.reflections,
            parts=divided.parts,
            left_out=self.plan_.left_out,
            notes=self.plan_.notes,
        )
