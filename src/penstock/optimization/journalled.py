"""Metric calls and reflections as recorded steps: none is made twice, and none beyond the budget.

A metric call is recorded under (instruction, example, target's version), a reflection under its prompt. An optimization
that is taken up again does everything anew from its seed, finds each call recorded, and so comes to where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from penstock.errors import StepError
from penstock.executions.item import Attempt, ItemRun, StepPolicy
from penstock.models.gateway import Gateway
from penstock.optimization.model import Example, Result
from penstock.optimization.reflection import reflection_request
from penstock.optimization.targets import Target
from penstock.types import Json, Tenant

SCORE_PREFIX = "score:"
REFLECT_PREFIX = "reflect:"
REFLECT_SECONDS = 600.0
_SILENT = {
    "model_truncated": "The reflecting model's answer was cut off.",
    "model_declined": "The reflecting model declines to answer.",
}
"""Failures of a reflection that cost a proposal only."""


class Calls:
    """All calls of one optimization. `allowed` metric calls may be made; raise it with `allow`."""

    def __init__(self, item: ItemRun, target: Target, models: Gateway, tenant: Tenant, *, allowed: int) -> None:
        self._item = item
        self._target = target
        self._models = models
        self._tenant = tenant
        self._allowed = allowed
        self._places = asyncio.Semaphore(item.concurrency)
        self._results: dict[tuple[str, str], Result] = {}
        self._failed = False
        self.spent = 0
        self.reflections = 0

    @property
    def left(self) -> int:
        """Metric calls that may still be made."""
        return self._allowed - self.spent

    def allow(self, more: int) -> None:
        """Let so many more metric calls be made."""
        self._allowed += more

    def fits(self, instruction: str, examples: Sequence[Example]) -> bool:
        """Whether as many metric calls as this takes are left."""
        return len(self._new(instruction, examples)) <= self.left

    async def score(self, instruction: str, examples: Sequence[Example]) -> list[Result]:
        """What the instruction comes to on each example, in their order, at most so many at once as the execution may.

        What was scored before costs nothing. Raises ValueError before the first call when they do not fit (see
        `fits`), `ItemFailed` when one fails for good, once those in flight are recorded.
        """
        key, new = _key(instruction), self._new(instruction, examples)
        if len(new) > self.left:
            raise ValueError(f"{len(new)} metric calls are wanted, and {self.left} are left")
        self.spent += len(new)
        done = await asyncio.gather(
            *(self._one(key, instruction, example) for example in new.values()), return_exceptions=True
        )
        for example_id, outcome in zip(new, done, strict=True):
            if isinstance(outcome, BaseException):
                raise outcome
            if outcome is not None:
                self._results[key, example_id] = outcome
        return [self._results[key, example.id] for example in examples]

    def _new(self, instruction: str, examples: Sequence[Example]) -> dict[str, Example]:
        key = _key(instruction)
        return {example.id: example for example in examples if (key, example.id) not in self._results}

    async def _one(self, key: str, instruction: str, example: Example) -> Result | None:
        async with self._places:
            if self._failed:
                # Another one has; it is raised when those in flight are through.
                return None
            try:
                return await self._recorded(key, instruction, example)
            except BaseException:
                self._failed = True
                raise

    async def _recorded(self, key: str, instruction: str, example: Example) -> Result:
        target = self._target

        async def call(attempt: Attempt) -> Json:
            built: Json = msgspec.to_builtins(await target.score(instruction, example, attempt))
            return built

        recorded = await self._item.step(
            f"{SCORE_PREFIX}{key}:{_digest(example.id)[:12]}",
            call,
            StepPolicy(effectful=True, timeout_seconds=target.timeout_seconds),
            fingerprint=_digest(target.version, instruction, example.id),
            received=msgspec.json.encode({"example": example.id}),
        )
        return msgspec.convert(recorded, Result)

    async def reflect(self, model: str, prompt: str) -> str:
        """What the reflecting model answers to a prompt. Raises ValueError with why it answers nothing (it declines,
        its answer is cut off), `ItemFailed` when it cannot be asked."""
        self.reflections += 1
        request = reflection_request(model, prompt)

        async def call(attempt: Attempt) -> Json:
            try:
                response = await self._models.complete(self._tenant, request, attempt.meter)
            except StepError as error:
                if error.code not in _SILENT:
                    raise
                return {"problem": _SILENT[error.code]}
            attempt.detail.update(model=response.model, latencyMs=round(response.latency_ms, 1))
            return {"text": response.text}

        digest = _digest(model, prompt)
        recorded: Any = await self._item.step(
            REFLECT_PREFIX + digest[:12],
            call,
            StepPolicy(effectful=True, timeout_seconds=REFLECT_SECONDS),
            fingerprint=digest,
            received=msgspec.json.encode(prompt),
        )
        if "problem" in recorded:
            raise ValueError(recorded["problem"])
        return str(recorded["text"])


def _key(instruction: str) -> str:
    return _digest(instruction)[:12]


def _digest(*texts: str) -> str:
    return hashlib.blake2b(msgspec.json.encode(texts), digest_size=12).hexdigest()
