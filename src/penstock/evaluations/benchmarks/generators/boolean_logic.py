"""Boolean logic: lamps that are on or off by rules about other lamps, and questions on them.

The questions on one arrangement of lamps are one cluster: who misreads the arrangement fails several of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from penstock.evaluations.benchmarks import answers
from penstock.evaluations.benchmarks.generators.base import Dice, Difficulty, Generator
from penstock.evaluations.benchmarks.model import BenchmarkRow, Details

_LAMPS = {"easy": 4, "medium": 7, "hard": 12}
_NAMES = "ABCDEFGHIJKL"
_GIVEN = 2
_QUESTIONS = 4


def _questions(dice: Dice, difficulty: Difficulty) -> Iterator[BenchmarkRow]:
    for number in count(1):
        rules, lamps = _arrangement(dice, _LAMPS[difficulty])
        scenario = "There are some lamps.\n" + "\n".join(rules)
        for question, holds in _asked(dice, lamps):
            text = f"{scenario}\n\n{question} Answer yes or no."
            yield BenchmarkRow("", text, "yes" if holds else "no", cluster=f"lamps {number}")


def _arrangement(dice: Dice, size: int) -> tuple[list[str], dict[str, bool]]:
    """The rules, each about lamps before it, and which lamps they leave on."""
    rules: list[str] = []
    lamps: dict[str, bool] = {}
    for name in _NAMES[:size]:
        if len(lamps) < _GIVEN:
            # One on and one off: from two that are off, next to everything that follows would be off as well.
            lit = not lamps["A"] if lamps else dice.chance(1 / 2)
            rules.append(f"Lamp {name} is {'on' if lit else 'off'}.")
        else:
            rule, lit = _rule(dice, lamps)
            rules.append(f"Lamp {name} is on exactly when {rule}.")
        lamps[name] = lit
    return rules, lamps


def _rule(dice: Dice, lamps: dict[str, bool]) -> tuple[str, bool]:
    """A condition on two lamps, and whether it holds."""
    a, b = dice.some_of(list(lamps), 2)
    kind = dice.number(0, 3)
    if kind == 0:
        return f"lamp {a} is off", not lamps[a]
    if kind == 1:
        return f"lamps {a} and {b} are both on", lamps[a] and lamps[b]
    if kind == 2:
        return f"at least one of the lamps {a} and {b} is on", lamps[a] or lamps[b]
    return f"exactly one of the lamps {a} and {b} is on", lamps[a] != lamps[b]


def _asked(dice: Dice, lamps: dict[str, bool]) -> Iterator[tuple[str, bool]]:
    """Questions on an arrangement: on lamps that follow from others, each asked once, and on how they compare."""
    derived = list(lamps)[_GIVEN:]
    for name in dice.some_of(derived, _QUESTIONS - 2):
        yield f"Is lamp {name} on?", lamps[name]
    a, b = dice.some_of(list(lamps), 2)
    yield f"Are the lamps {a} and {b} in the same state?", lamps[a] == lamps[b]
    lit, half = sum(lamps.values()), (len(lamps) - 1) // 2
    yield f"Are more than {half} lamps on?", lit > half


GENERATOR = Generator(
    name="boolean_logic",
    questions=_questions,
    details=Details(
        name="Boolean logic",
        description="Lamps that are on or off by rules about other lamps; four questions on each arrangement.",
        scorers=(answers.LAST_LINE_ANY_CASE,),
        prompt=answers.PROMPT,
        categories=("reasoning",),
        languages=("English",),
    ),
)
