"""An evaluation as a job: every row of the benchmark, for every variant and epoch, answered and scored.

Answering is a step of its own, so that no scorer's fault costs a model call, and scoring again calls no model. Scorers
that are pure and quick are simply run; those that cost are steps too.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from penstock.errors import StepError
from penstock.evaluations.benchmarks.model import BenchmarkRow
from penstock.evaluations.model import Answer, ItemOutput, Shape
from penstock.evaluations.scorers.base import Outcome, Sample, ScoreError, Scorer, ScoringContext
from penstock.evaluations.scorers.running import run_scorer
from penstock.evaluations.targets import Target
from penstock.executions.item import Attempt, ItemFailed, ItemRun, StepPolicy
from penstock.executions.model import Execution, Planned
from penstock.flows.services import Services
from penstock.storage.store import chunked
from penstock.types import Json

SCORE_PREFIX = "score:"
PAGE_ITEMS = 1_000
_SECONDS_MORE = 5.0
"""A scorer's own time limit comes first: it says what happened better than the step's."""


class ItemInput(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What an item is handed: a row, and which variant and epoch it is. `answer` is there when it is only scored."""

    row: BenchmarkRow
    variant: int = 0
    epoch: int = 0
    answer: Answer | None = None


InputPages = Callable[[], AsyncIterator[Sequence[ItemInput]]]
"""What items are handed, in order, page by page."""


@dataclass(frozen=True)
class EvaluationJob:
    """One execution of kind `evaluation`. `targets` by variant; none when answers that are there are scored again."""

    execution: Execution
    inputs: InputPages
    targets: Sequence[Target]
    scorers: Sequence[Scorer[Any]]
    services: Services
    finished: Callable[[Execution], Coroutine[Any, Any, None]]

    @property
    def single(self) -> bool:
        return False

    @property
    def steps_per_item(self) -> int:
        return 1 + sum(1 for scorer in self.scorers if scorer.recorded)

    async def plan(self) -> AsyncIterator[list[Planned]]:
        number = 0
        async for page in self.inputs():
            yield [Planned(number + offset, msgspec.to_builtins(given)) for offset, given in enumerate(page)]
            number += len(page)

    async def run_item(self, item: ItemRun) -> Json:
        given = msgspec.convert(item.input, ItemInput)
        row, answer = given.row, given.answer
        if answer is None:
            if not self.targets:
                raise StepError("no_answer", "This row has no answer in the evaluation that is scored again.")
            answer = await self.targets[given.variant].answer(item, row, given.epoch)
        sample = Sample(row.id, row.input, answer.output, row.truth, row.metadata, row.context)
        scores = {scorer.name: msgspec.to_builtins(await self._score(item, scorer, sample)) for scorer in self.scorers}
        output = ItemOutput(row.id, scores, given.epoch, row.subset, row.cluster, answer.latency_ms)
        built: Json = msgspec.to_builtins(output)
        return built

    async def finish(self, execution: Execution) -> Json:
        await self.finished(execution)
        return None

    async def _score(self, item: ItemRun, scorer: Scorer[Any], sample: Sample) -> Outcome:
        context = ScoringContext(self.execution.tenant, self.services)
        if not scorer.recorded:
            return await run_scorer(scorer, sample, context)

        async def call(attempt: Attempt) -> Json:
            noted = replace(context, meter=attempt.meter, detail=attempt.detail)
            outcome = await run_scorer(scorer, sample, noted)
            if isinstance(outcome, ScoreError):
                # As a failed step: one that succeeded would be found again instead of being scored again.
                raise StepError("scoring_failed", outcome.reason)
            built: Json = msgspec.to_builtins(outcome)
            return built

        received = msgspec.json.encode([sample.input, sample.output, sample.truth, sample.metadata, sample.context])
        digest = hashlib.blake2b(received, digest_size=12, key=scorer_digest(scorer))
        policy = StepPolicy(effectful=True, timeout_seconds=scorer.timeout_seconds + _SECONDS_MORE)
        try:
            recorded = await item.step(
                SCORE_PREFIX + scorer.name, call, policy, fingerprint=digest.hexdigest(), received=received
            )
        except ItemFailed as failed:
            # The answer stands, and the other scorers' values with it; this score may be tried again.
            return ScoreError(failed.info.message)
        outcome: Outcome = msgspec.convert(recorded, Outcome)
        return outcome


async def items_of(rows: AsyncIterator[Sequence[BenchmarkRow]], shape: Shape) -> AsyncIterator[Sequence[ItemInput]]:
    """Every row for every variant and epoch, in the order of `Shape`: `PAGE_ITEMS` at once, or those of one row."""
    at_once = max(1, PAGE_ITEMS // (shape.variants * shape.epochs))
    async for page in rows:
        for some in chunked(page, at_once):
            yield [
                ItemInput(row, variant, epoch)
                for row in some
                for variant in range(shape.variants)
                for epoch in range(shape.epochs)
            ]


def scorer_digest(scorer: Scorer[Any]) -> bytes:
    """32 bytes that stand for a scorer's settings and version."""
    text = f"{scorer.kind} {scorer.version} {scorer.settings.model_dump_json(by_alias=True)}"
    return hashlib.blake2b(text.encode(), digest_size=32).digest()
