"""What a generator is: it makes the questions of a benchmark from a seed, with truths that are right by construction.

A generator is one file in this folder with a `GENERATOR`; naming it in `generators/__init__.py` is all there is to
adding one. The same seed, difficulty and number of rows must give the same rows on every machine and every Python, so
chance comes from `Dice` alone, and nothing depends on the order of a set or on the machine's language.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from penstock.evaluations.benchmarks.model import BenchmarkRow, Details

Difficulty = Literal["easy", "medium", "hard"]
DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")

MAX_GENERATED_ROWS = 100_000

T = TypeVar("T")


class Dice:
    """Chance that is the same everywhere: only `random.Random.random`, whose sequence for a seed Python promises to
    keep, is used; `randrange` and `shuffle` are not promised to.
    """

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - questions, no secrets

    def number(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._random.random() * (high - low + 1))

    def one_of(self, options: Sequence[T]) -> T:
        return options[self.number(0, len(options) - 1)]

    def some_of(self, options: Sequence[T], count: int) -> list[T]:
        """So many different ones, in an order of chance."""
        left = list(options)
        return [left.pop(self.number(0, len(left) - 1)) for _ in range(count)]

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability


Questions: TypeAlias = Callable[[Dice, Difficulty], Iterator[BenchmarkRow]]
"""Rows without end; their ids are given to them afterwards."""


@dataclass(frozen=True, slots=True)
class Generator:
    """`revision` is raised whenever the same seed would give other rows."""

    name: str
    questions: Questions
    details: Details
    revision: int = 1
    needs_truth: bool = True
