"""Sorting: numbers and words put into order, or one of them found by its rank."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from penstock.evaluations.benchmarks import answers
from penstock.evaluations.benchmarks.generators.base import Dice, Difficulty, Generator
from penstock.evaluations.benchmarks.generators.words import NOUNS
from penstock.evaluations.benchmarks.model import BenchmarkRow, Details

_LENGTHS = {"easy": (3, 5), "medium": (6, 10), "hard": (14, 24)}
_LARGEST = 999
_BY_COMMAS = "Separate them by a comma and a space."


def _questions(dice: Dice, difficulty: Difficulty) -> Iterator[BenchmarkRow]:
    kinds: tuple[Callable[[Dice, int], BenchmarkRow], ...] = (_numbers, _words, _by_length, _ranked)
    while True:
        yield dice.one_of(kinds)(dice, dice.number(*_LENGTHS[difficulty]))


def _numbers(dice: Dice, length: int) -> BenchmarkRow:
    numbers = [dice.number(-_LARGEST, _LARGEST) for _ in range(length)]
    falling = dice.chance(1 / 2)
    order = "largest to smallest" if falling else "smallest to largest"
    question = f"Sort these numbers from {order}: {_listed(numbers)}. {_BY_COMMAS}"
    return BenchmarkRow("", question, _listed(sorted(numbers, reverse=falling)), subset="numbers")


def _words(dice: Dice, length: int) -> BenchmarkRow:
    words = dice.some_of(NOUNS, length)
    backwards = dice.chance(1 / 2)
    order = "reverse alphabetical" if backwards else "alphabetical"
    question = f"Sort these words in {order} order: {_listed(words)}. {_BY_COMMAS}"
    return BenchmarkRow("", question, _listed(sorted(words, reverse=backwards)), subset="words")


def _by_length(dice: Dice, length: int) -> BenchmarkRow:
    words = dice.some_of(NOUNS, length)
    question = (
        "Sort these words by their number of letters, shortest first, and those of equal length in alphabetical"
        f" order: {_listed(words)}. {_BY_COMMAS}"
    )
    ordered = sorted(words, key=lambda word: (len(word), word))
    return BenchmarkRow("", question, _listed(ordered), subset="words by length")


def _ranked(dice: Dice, length: int) -> BenchmarkRow:
    numbers = dice.some_of(range(-_LARGEST, _LARGEST + 1), length)
    rank = dice.number(2, length)
    question = f"Counted from the largest, which of these numbers is number {rank}: {_listed(numbers)}?"
    return BenchmarkRow("", question, str(sorted(numbers, reverse=True)[rank - 1]), subset="rank")


def _listed(values: list[int] | list[str]) -> str:
    return ", ".join(map(str, values))


GENERATOR = Generator(
    name="sorting",
    questions=_questions,
    details=Details(
        name="Sorting",
        description="Numbers and words put into order, or found by their rank.",
        scorers=(answers.LAST_LINE_ANY_CASE,),
        prompt=answers.PROMPT,
        categories=("reasoning",),
        languages=("English",),
    ),
)
