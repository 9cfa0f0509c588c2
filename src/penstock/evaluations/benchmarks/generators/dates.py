"""Dates: what day it is so many days later, how many days lie between, which weekday a date is."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from penstock.evaluations.benchmarks import answers
from penstock.evaluations.benchmarks.generators.base import Dice, Difficulty, Generator
from penstock.evaluations.benchmarks.model import BenchmarkRow, Details

_SPAN_DAYS = {"easy": 20, "medium": 200, "hard": 4_000}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_ORDINALS = ("first", "second", "third", "fourth")
_WEEK = 7


def _questions(dice: Dice, difficulty: Difficulty) -> Iterator[BenchmarkRow]:
    kinds: tuple[Callable[[Dice, int], BenchmarkRow], ...] = (_later, _earlier, _between, _weekday, _nth_weekday)
    known = kinds[:3] if difficulty == "easy" else kinds
    while True:
        yield dice.one_of(known)(dice, _SPAN_DAYS[difficulty])


def _date(dice: Dice) -> datetime.date:
    return datetime.date(1990, 1, 1) + datetime.timedelta(days=dice.number(0, 20_000))


def _written(date: datetime.date) -> str:
    return f"{_MONTHS[date.month - 1]} {date.day}, {date.year}"


def _later(dice: Dice, span: int) -> BenchmarkRow:
    date, days = _date(dice), dice.number(2, span)
    question = f"What date is {days} days after {_written(date)}? Write it as YYYY-MM-DD."
    return BenchmarkRow("", question, (date + datetime.timedelta(days)).isoformat(), subset="later")


def _earlier(dice: Dice, span: int) -> BenchmarkRow:
    date, days = _date(dice), dice.number(2, span)
    question = f"What date is {days} days before {_written(date)}? Write it as YYYY-MM-DD."
    return BenchmarkRow("", question, (date - datetime.timedelta(days)).isoformat(), subset="earlier")


def _between(dice: Dice, span: int) -> BenchmarkRow:
    start, days = _date(dice), dice.number(2, span)
    end = start + datetime.timedelta(days)
    question = f"How many days after {_written(start)} is {_written(end)}? Write the number in digits."
    return BenchmarkRow("", question, str((end - start).days), subset="between")


def _weekday(dice: Dice, span: int) -> BenchmarkRow:
    known, days = _date(dice), dice.number(2, span)
    asked = known + datetime.timedelta(days)
    question = f"{_written(known)} is a {_WEEKDAYS[known.weekday()]}. Which day of the week is {_written(asked)}?"
    return BenchmarkRow("", question, _WEEKDAYS[asked.weekday()], subset="weekday")


def _nth_weekday(dice: Dice, span: int) -> BenchmarkRow:
    first = _date(dice).replace(day=1)
    weekday, n = dice.number(0, _WEEK - 1), dice.number(0, len(_ORDINALS) - 1)
    asked = first + datetime.timedelta((weekday - first.weekday()) % _WEEK + _WEEK * n)
    question = (
        f"{_written(first)} is a {_WEEKDAYS[first.weekday()]}. What date is the {_ORDINALS[n]} {_WEEKDAYS[weekday]} of"
        " that month? Write it as YYYY-MM-DD."
    )
    return BenchmarkRow("", question, asked.isoformat(), subset="nth weekday")


GENERATOR = Generator(
    name="dates",
    questions=_questions,
    details=Details(
        name="Dates",
        description="Counting days forwards, backwards and between; weekdays. In the Gregorian calendar.",
        scorers=(answers.LAST_LINE_ANY_CASE,),
        prompt=answers.PROMPT,
        categories=("reasoning",),
        languages=("English",),
    ),
)
