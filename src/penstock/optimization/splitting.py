"""Which examples an instruction is improved on, chosen by, and at last measured on.

Each part has about the same share of each class. The parts for choosing and measuring cost calls for every candidate,
so a budget bounds them; whatever is left over is there to learn from.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from penstock.optimization.model import Example, Parts

MINIBATCH = 3
"""Training examples that a proposal is made from, and tried on first."""
_SHARE = 0.3
"""Of the examples, for validation and for test each."""
_MOST_TEST, _MOST_VALIDATION = 5, 10
"""The test part is no larger than this part of the budget, and the validation part than that."""
_LEAST_TEST, _LEAST_VALIDATION = 20, 10
"""However small the budget is, it does not press them below this."""


@dataclass(frozen=True, slots=True)
class Split:
    """The three parts; no example is in two."""

    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]

    @property
    def parts(self) -> Parts:
        return Parts(len(self.train), len(self.validation), len(self.test))


def sizes(count: int, metric_calls: int) -> Parts:
    """How large the parts of so many examples are."""
    test = min(round(count * _SHARE), max(metric_calls // _MOST_TEST, _LEAST_TEST))
    validation = min(round(count * _SHARE), max(metric_calls // _MOST_VALIDATION, _LEAST_VALIDATION))
    return Parts(count - test - validation, validation, test)


def split(examples: Sequence[Example], metric_calls: int, seed: int) -> Split:
    """Split examples for a budget. The same examples (in any order), budget and seed are split alike."""
    parts = sizes(len(examples), metric_calls)
    dealt = _spread(examples, random.Random(seed))  # noqa: S311 - has to be repeatable, guards nothing
    learnt = parts.test + parts.validation
    return Split(tuple(dealt[learnt:]), tuple(dealt[parts.test : learnt]), tuple(dealt[: parts.test]))


def least_budget(count: int) -> int:
    """Metric calls that a budget for so many examples has at least: one pass over the parts at their smallest."""
    return one_pass(sizes(count, 0))


def one_pass(parts: Parts) -> int:
    """Metric calls of one pass: both instructions on the test part, the old one and one proposal
    on the validation part, and what the proposal is made from and tried on."""
    return 2 * parts.test + 2 * parts.validation + 2 * MINIBATCH


def most_reflections(parts: Parts, metric_calls: int) -> int:
    """Proposals that are asked for at most: each that can be tried costs metric calls too."""
    return max(1, (metric_calls - 2 * parts.test - parts.validation) // MINIBATCH)


def _spread(examples: Sequence[Example], chance: random.Random) -> list[Example]:
    """In an order whose every stretch has about the same share of each class: the items of a class are set at equal
    distances over the whole."""
    classes: dict[str, list[Example]] = defaultdict(list)
    for example in sorted(examples, key=lambda one: one.id):
        classes[example.truth].append(example)
    placed: list[tuple[float, float, Example]] = []
    for name in sorted(classes):
        members = classes[name]
        chance.shuffle(members)
        # Chance decides between members of several classes at the same distance: truths may be all different.
        placed += [((place + 0.5) / len(members), chance.random(), member) for place, member in enumerate(members)]
    return [member for _, _, member in sorted(placed, key=lambda one: one[:2])]
