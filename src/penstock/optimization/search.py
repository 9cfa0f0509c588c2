"""The search itself: GEPA (Agrawal et al., arXiv 2507.19457), the `gepa` package, held to a hard budget.

It runs in a thread (see `thinking`) and asks for every score and proposal through `Calls`. Nothing it does depends on
time, on the order in which calls come back, or on anything outside its arguments: done again with the same answers, it
takes the same way.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.optimization.journalled import Calls
from penstock.optimization.model import Candidate, Example, Result
from penstock.optimization.reflection import proposed, reflection_prompt
from penstock.optimization.splitting import MINIBATCH, Split, most_reflections
from penstock.optimization.targets import Target
from penstock.optimization.thinking import Ask

logger = logging.getLogger(__name__)

COMPONENT = "instruction"
"""A candidate has this one text."""
PERFECT = 1.0
_IDLE_EPOCHS = 3
"""So many times through the training part without anything to mend, and the search is over."""


class BudgetSpent(BaseException):
    """The next metric calls do not fit, and none of them was made. No `Exception`: the package would go on."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a search is given. `tell` is called with each candidate as it is decided upon."""

    target: Target
    split: Split
    calls: Calls
    metric_calls: int
    reflection_model: str
    seed: int
    tell: Callable[[Candidate], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the best candidate on the validation part, the first of equals."""

    best: Candidate
    candidates: int
    accepted: int


def search(ask: Ask, setting: Setting) -> Found:
    """Search until the budget, the proposals, or what could be mended are used up. Blocks; for a thread."""
    from gepa.api import optimize

    book = _Book(ask, setting)
    adapter: Any = _Adapter(ask, setting, book)
    stop: Any = _Stop(setting, book)
    callbacks: list[Any] = [book]
    try:
        optimize(
            seed_candidate={COMPONENT: setting.target.instruction},
            trainset=list(setting.split.train),
            valset=list(setting.split.validation),
            adapter=adapter,
            frontier_type="instance" if setting.target.classes is None else "hybrid",
            reflection_minibatch_size=min(MINIBATCH, len(setting.split.train)),
            perfect_score=PERFECT,
            stop_callbacks=stop,
            logger=_Log(),
            callbacks=callbacks,
            seed=setting.seed,
        )
    except BudgetSpent:
        # The stop comes first as a rule; this one is the lock on the door.
        pass
    return book.found()


class _Adapter:
    """The package's seam (`gepa.core.adapter.GEPAAdapter`): scores and proposals."""

    def __init__(self, ask: Ask, setting: Setting, book: _Book) -> None:
        self._ask = ask
        self._setting = setting
        self._book = book

    def evaluate(self, batch: list[Example], candidate: Mapping[str, str], capture_traces: bool = False) -> Any:
        """Scores of one candidate. The trajectories are the examples with their results."""
        from gepa.core.adapter import EvaluationBatch

        calls, before = self._setting.calls, self._setting.calls.spent
        if not calls.fits(candidate[COMPONENT], batch):
            raise BudgetSpent
        results = self._ask(lambda: calls.score(candidate[COMPONENT], batch))
        return EvaluationBatch(
            outputs=results,
            scores=[result.score for result in results],
            trajectories=list(zip(batch, results, strict=True)),
            objective_scores=self._recalls(batch, results),
            num_metric_calls=calls.spent - before,
        )

    def make_reflective_dataset(
        self, candidate: Mapping[str, str], eval_batch: Any, components_to_update: list[str]
    ) -> dict[str, list[dict[str, Any]]]:
        """What the proposal is made from."""
        return {name: [{"seen": one} for one in eval_batch.trajectories] for name in components_to_update}

    def propose_new_texts(
        self,
        candidate: Mapping[str, str],
        reflective_dataset: Mapping[str, Sequence[Mapping[str, Any]]],
        components_to_update: list[str],
    ) -> dict[str, str]:
        """A new instruction; nothing when what was proposed cannot be used."""
        setting, instruction = self._setting, candidate[COMPONENT]
        seen = [one["seen"] for one in reflective_dataset[COMPONENT]]
        text: str | None = None
        try:
            text = proposed(self._ask(lambda: self._asked(instruction, seen)))
            return {COMPONENT: self._book.unheard(setting.target.check(text))}
        except ValueError as error:
            self._book.unusable(text, str(error))
            return {}

    async def _asked(self, instruction: str, seen: Sequence[tuple[Example, Result]]) -> str:
        setting = self._setting
        return await setting.calls.reflect(
            setting.reflection_model, reflection_prompt(setting.target, instruction, seen)
        )

    def _recalls(self, batch: Sequence[Example], results: Sequence[Result]) -> list[dict[str, float]] | None:
        if self._setting.target.classes is None:
            return None
        return [
            {f"recall of {example.truth}": float(result.predicted == example.truth)}
            for example, result in zip(batch, results, strict=True)
        ]


class _Book:
    """What was tried and what came of it; called by the package as it goes (`gepa.core.callbacks`)."""

    def __init__(self, ask: Ask, setting: Setting) -> None:
        self._ask = ask
        self._setting = setting
        self._seed = setting.target.instruction
        self._texts = {self._seed}
        self._told = 0
        self._pool: list[Candidate] = []
        """Accepted ones, the first instruction among them: the package's own numbers are places in it."""
        self._open = Candidate(number=0, status="seed", instruction=self._seed)
        self._frontier: tuple[int, ...] = (0,)
        self.idle = 0

    @property
    def best(self) -> Candidate | None:
        return max(self._pool, key=lambda one: (one.validation_score or 0.0, -one.number), default=None)

    def found(self) -> Found:
        """Raises ValueError before the first instruction was scored."""
        if self.best is None:
            raise ValueError("nothing was scored")
        return Found(self.best, self._told, len(self._pool) - 1)

    # Proposals

    def unheard(self, text: str) -> str:
        """The text, which is tried from now on. Raises ValueError when it was before."""
        if text in self._texts:
            raise ValueError("this instruction was tried before")
        self._texts.add(text)
        self._open = msgspec.structs.replace(self._open, instruction=text)
        return text

    def unusable(self, text: str | None, reason: str) -> None:
        """A proposal that is not tried."""
        self.idle = 0
        self._tell(msgspec.structs.replace(self._open, instruction=text, status="rejected", reason=reason))

    # What the package calls

    def on_iteration_start(self, event: Any) -> None:
        self._open = Candidate(number=self._told, status="rejected", instruction=None, iteration=event["iteration"])
        self.idle += 1

    def on_evaluation_end(self, event: Any) -> None:
        total = sum(event["scores"])
        if event["candidate_idx"] is None:
            self._open = msgspec.structs.replace(self._open, minibatch_after=total)
        else:
            parent = self._pool[event["candidate_idx"]].number
            self._open = msgspec.structs.replace(self._open, parent=parent, minibatch_before=total)

    def on_candidate_rejected(self, event: Any) -> None:
        self.idle = 0
        reason = "It did no better than the one it was made from, on the examples it was made from."
        self._tell(msgspec.structs.replace(self._open, status="rejected", reason=reason))

    def on_pareto_front_updated(self, event: Any) -> None:
        numbers = [one.number for one in self._pool] + [self._open.number]
        self._frontier = tuple(numbers[place] for place in event["new_front"])

    def on_valset_evaluated(self, event: Any) -> None:
        self.idle = 0
        validation = self._setting.split.validation
        candidate = msgspec.structs.replace(
            self._open,
            status="accepted" if self._pool else "seed",
            validation_score=event["average_score"],
            recalls=self._recalls([event["scores_by_val_id"][place] for place in range(len(validation))]),
            frontier=self._frontier,
        )
        self._pool.append(candidate)
        self._tell(candidate)

    def _recalls(self, scores: Sequence[float]) -> dict[str, float]:
        """The mean score of each class of the validation part."""
        if self._setting.target.classes is None:
            return {}
        by_class: dict[str, list[float]] = {}
        for example, score in zip(self._setting.split.validation, scores, strict=True):
            by_class.setdefault(example.truth, []).append(score)
        return {name: sum(some) / len(some) for name, some in sorted(by_class.items())}

    def _tell(self, candidate: Candidate) -> None:
        told = msgspec.structs.replace(candidate, metric_calls=self._setting.calls.spent)
        self._told += 1
        self._ask(lambda: self._setting.tell(told))


class _Stop:
    """Asked before each iteration whether to stop."""

    def __init__(self, setting: Setting, book: _Book) -> None:
        parts = setting.split.parts
        self._calls = setting.calls
        self._book = book
        self._iteration = 2 * MINIBATCH + parts.validation
        """Metric calls of an iteration whose proposal is accepted; a last one that could not be is not begun."""
        self._most_reflections = most_reflections(parts, setting.metric_calls)
        self._most_idle = _IDLE_EPOCHS * -(-parts.train // MINIBATCH)

    def __call__(self, _: Any) -> bool:
        best = self._book.best
        return (
            self._calls.left < self._iteration
            or self._calls.reflections >= self._most_reflections
            or self._book.idle >= self._most_idle
            or (best is not None and (best.validation_score or 0.0) >= PERFECT)
        )


class _Log:
    """The package prints where it has no log."""

    def log(self, message: str) -> None:
        logger.debug("%s", message)
