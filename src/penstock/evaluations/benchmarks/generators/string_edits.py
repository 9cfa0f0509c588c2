"""String edits: words turned round, letters removed, replaced, counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from string import ascii_lowercase

from penstock.evaluations.benchmarks import answers
from penstock.evaluations.benchmarks.generators.base import Dice, Difficulty, Generator
from penstock.evaluations.benchmarks.generators.words import NOUNS
from penstock.evaluations.benchmarks.model import BenchmarkRow, Details

_WORDS = {"easy": (1, 1), "medium": (2, 2), "hard": (3, 5)}
_VOWELS = "aeiou"


def _questions(dice: Dice, difficulty: Difficulty) -> Iterator[BenchmarkRow]:
    kinds: tuple[Callable[[Dice, str], BenchmarkRow], ...] = (
        _reversed,
        _without_vowels,
        _replaced,
        _counted,
        _doubled,
        _every_second,
    )
    while True:
        text = "".join(dice.some_of(NOUNS, dice.number(*_WORDS[difficulty])))
        yield dice.one_of(kinds)(dice, text)


def _reversed(dice: Dice, text: str) -> BenchmarkRow:
    return BenchmarkRow("", f'Write the letters of "{text}" in reverse order.', text[::-1], subset="reverse")


def _without_vowels(dice: Dice, text: str) -> BenchmarkRow:
    left = "".join(letter for letter in text if letter not in _VOWELS)
    return BenchmarkRow("", f'Remove every a, e, i, o and u from "{text}".', left, subset="remove")


def _replaced(dice: Dice, text: str) -> BenchmarkRow:
    old, new = dice.one_of(text), dice.one_of(ascii_lowercase)
    question = f'Replace every "{old}" in "{text}" by "{new}".'
    return BenchmarkRow("", question, text.replace(old, new), subset="replace")


def _counted(dice: Dice, text: str) -> BenchmarkRow:
    letter = dice.one_of(text)
    question = f'How many times is the letter "{letter}" in "{text}"? Write the number in digits.'
    return BenchmarkRow("", question, str(text.count(letter)), subset="count")


def _doubled(dice: Dice, text: str) -> BenchmarkRow:
    letter = dice.one_of(text)
    question = f'Write "{text}" with every "{letter}" doubled.'
    return BenchmarkRow("", question, text.replace(letter, 2 * letter), subset="double")


def _every_second(dice: Dice, text: str) -> BenchmarkRow:
    question = f'Write every second letter of "{text}", beginning with the first.'
    return BenchmarkRow("", question, text[::2], subset="every second")


GENERATOR = Generator(
    name="string_edits",
    questions=_questions,
    details=Details(
        name="String edits",
        description="Letters of words reversed, removed, replaced, doubled, counted.",
        scorers=(answers.LAST_LINE,),
        prompt=answers.PROMPT,
        categories=("reasoning",),
        languages=("English",),
    ),
)
