"""Arithmetic: whole numbers, added, subtracted, multiplied, nested in brackets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from penstock.evaluations.benchmarks.generators.base import Dice, Difficulty, Generator
from penstock.evaluations.benchmarks.model import BenchmarkRow, Details


@dataclass(frozen=True, slots=True)
class _Range:
    """How many operations, how large the numbers of sums are, and those of products."""

    operations: tuple[int, int]
    addend: int
    factor: int


_RANGES = {"easy": _Range((1, 1), 99, 9), "medium": _Range((2, 3), 999, 19), "hard": _Range((4, 6), 9_999, 99)}


_SUBSETS = {1: "1 operation"} | {count: f"{count} operations" for count in range(2, 7)}


@dataclass(frozen=True, slots=True)
class _Term:
    """An expression as text, with its value. `loose` ones need brackets around them inside another."""

    text: str
    value: int
    loose: bool = False

    @property
    def enclosed(self) -> str:
        return f"({self.text})" if self.loose else self.text


def _questions(dice: Dice, difficulty: Difficulty) -> Iterator[BenchmarkRow]:
    limits = _RANGES[difficulty]
    while True:
        count = dice.number(*limits.operations)
        term = _term(dice, limits, count)
        yield BenchmarkRow("", f"What is {term.text}?", str(term.value), subset=_SUBSETS[count])


def _term(dice: Dice, limits: _Range, operations: int) -> _Term:
    if operations == 0:
        value = dice.number(1, limits.addend)
        return _Term(str(value), value)
    if operations == 1 and dice.chance(1 / 3):
        a, b = dice.number(2, limits.factor), dice.number(2, limits.factor)
        return _Term(f"{a} × {b}", a * b)
    left = dice.number(0, operations - 1)
    a_term, b_term = _term(dice, limits, left), _term(dice, limits, operations - 1 - left)
    if dice.chance(1 / 2):
        return _Term(f"{a_term.text} + {b_term.enclosed}", a_term.value + b_term.value, loose=True)
    return _Term(f"{a_term.text} - {b_term.enclosed}", a_term.value - b_term.value, loose=True)


GENERATOR = Generator(
    name="arithmetic",
    questions=_questions,
    details=Details(
        name="Arithmetic",
        description="Sums, differences and products of whole numbers.",
        scorers=({"type": "numeric"},),
        prompt="{{ input }}\n\nEnd with the number alone on a line that begins with `####`.",
        categories=("mathematics",),
        languages=("English",),
    ),
)
