"""Pairwise evaluations as a job: each item is one pair, and its question a step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.errors import StepError
from penstock.executions.inputs import stored_inputs
from penstock.executions.item import ItemRun
from penstock.executions.model import Execution, Planned
from penstock.judges.judging import Recorded
from penstock.judges.model import Unscorable, version_of
from penstock.judges.pairwise.choosing import PairRef, Pairs
from penstock.judges.pairwise.comparing import Preference, Side, compare, shows_a_first
from penstock.models.gateway import Gateway
from penstock.types import Json


class Compared(msgspec.Struct, frozen=True, rename="camel"):
    """An item's output. `shown_first` is the side that the judge saw first; `better` None where it gave no verdict."""

    pair: str
    a: str | int
    b: str | int
    shown_first: Side
    better: Side | None
    reasoning: str

    @property
    def preference(self) -> Preference | None:
        """The same as it is counted."""
        return None if self.better is None else Preference(self.better, self.reasoning, self.shown_first == "a")


@dataclass(frozen=True)
class PairwiseJob:
    """One execution of kind `pairwise_evaluation`."""

    execution: Execution
    pairs: Pairs
    models: Gateway

    @property
    def single(self) -> bool:
        return False

    @property
    def steps_per_item(self) -> int:
        return 1

    async def plan(self) -> AsyncIterator[list[Planned]]:
        async for page in stored_inputs(self.pairs.store, self.execution):
            yield page

    async def run_item(self, item: ItemRun) -> Json:
        spec: Any = self.execution.spec
        tenant = self.execution.tenant
        ref = msgspec.convert(item.input, PairRef)
        try:
            pair = await self.pairs.read(tenant, ref, spec["evaluations"])
        except StepError as error:
            raise item.failure(None, error) from error
        asks = Recorded(item, tenant, self.models)
        said = await compare(version_of(spec["judge"]), pair, asks, seed=spec["seed"])
        first: Side = "a" if shows_a_first(pair.id, spec["seed"]) else "b"
        if isinstance(said, Unscorable):
            made = Compared(ref.id, ref.a, ref.b, first, None, said.reason)
        else:
            made = Compared(ref.id, ref.a, ref.b, first, said.better, said.reasoning)
        output: Json = msgspec.to_builtins(made)
        return output

    async def finish(self, execution: Execution) -> Json:
        return None
