"""Generated questions: the same everywhere, and right."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from penstock.errors import Invalid
from penstock.evaluations.benchmarks import generators
from penstock.evaluations.benchmarks.generators import GENERATORS, Recipe
from penstock.evaluations.benchmarks.generators.base import DIFFICULTIES, Difficulty

PINNED = {
    "arithmetic": ("46f4526c3929103f", 1),
    "boolean_logic": ("98761dfbbb167fc0", 1),
    "dates": ("e404aeccfa059486", 1),
    "instructions": ("2820c9057de013c2", 1),
    "sorting": ("7d338bc5896865fe", 1),
    "string_edits": ("5022a6872ab58fc3", 1),
}


def rows(name: str, difficulty: Difficulty = "medium", seed: int = 0, count: int = 300) -> list[dict[str, Any]]:
    return [dict(row.data) for row in Recipe(name, seed, difficulty, count).source()]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", GENERATORS)
def test_the_rows_of_a_seed_never_change(name: str) -> None:
    """If this fails, questions have changed that results were measured on: raise the generator's revision."""
    found = [rows(name, difficulty) for difficulty in DIFFICULTIES]
    digest = sha256(msgspec.json.encode(found, order="deterministic")).hexdigest()[:16]
    assert (digest, GENERATORS[name].revision) == PINNED[name]


@pytest.mark.parametrize("name", GENERATORS)
def test_seeds_differ_and_questions_of_one_seed_as_well(name: str) -> None:
    one, other = rows(name), rows(name, seed=1)
    assert len({row["input"] for row in one}) == len(one)
    assert len({row["input"] for row in one} & {row["input"] for row in other}) < len(one) / 2
    assert [row["id"] for row in one] == [str(number) for number in range(1, len(one) + 1)]


def test_more_rows_begin_with_the_same_ones() -> None:
    assert rows("dates", count=50) == rows("dates", count=100)[:50]


def test_hardly_any_different_ones_left() -> None:
    found = rows("string_edits", "easy", count=20_000)
    assert 10_000 < len({row["input"] for row in found}) < len(found) == 20_000


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_arithmetic(difficulty: Difficulty) -> None:
    for row in rows("arithmetic", difficulty):
        expression = row["input"].removeprefix("What is ").removesuffix("?").replace("×", "*")
        assert re.fullmatch(r"[0-9+*() -]+", expression)
        assert eval(expression) == int(row["truth"])


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_dates(difficulty: Difficulty) -> None:
    def date(text: str) -> datetime.date:
        return datetime.datetime.strptime(text, "%B %d, %Y").date()  # noqa: DTZ007 - a day of the calendar

    written = r"([A-Z][a-z]+ [0-9]+, [0-9]{4})"
    seen: Counter[str] = Counter()
    for row in rows("dates", difficulty):
        question, truth, kind = row["input"], row["truth"], row["subset"]
        seen[kind] += 1
        if kind in ("later", "earlier"):
            days, start = re.findall(rf"([0-9]+) days (?:after|before) {written}", question)[0]
            step = int(days) if kind == "later" else -int(days)
            assert (datetime.date.fromisoformat(truth) - date(start)).days == step
        elif kind == "between":
            start, end = re.findall(written, question)
            assert (date(end) - date(start)).days == int(truth)
        elif kind == "weekday":
            known, asked = re.findall(written, question)
            assert date(known).strftime("%A") in question
            assert date(asked).strftime("%A") == truth
        else:
            asked_for, weekday = re.findall(r"the (first|second|third|fourth) ([A-Z][a-z]+) of", question)[0]
            found = datetime.date.fromisoformat(truth)
            assert found.strftime("%A") == weekday
            assert (found.day - 1) // 7 == ("first", "second", "third", "fourth").index(asked_for)
            assert found.replace(day=1) == date(re.findall(written, question)[0])
    assert min(seen.values()) > 20


def test_string_edits() -> None:
    for row in rows("string_edits"):
        question, truth = row["input"], row["truth"]
        quoted = re.findall(r'"([a-z]+)"', question)
        expected = {
            "reverse": lambda q: "".join(reversed(q[0])),
            "remove": lambda q: re.sub("[aeiou]", "", q[0]),
            "replace": lambda q: q[2].join(q[1].split(q[0])),
            "count": lambda q: str(len(re.findall(q[0], q[1]))),
            "double": lambda q: (q[1] * 2).join(q[0].split(q[1])),
            "every second": lambda q: "".join(letter for n, letter in enumerate(q[0]) if n % 2 == 0),
        }[row["subset"]]
        assert expected(quoted) == truth


def test_sorting() -> None:
    for row in rows("sorting"):
        listed = re.findall(r": ([^:]+?)[.?]", row["input"])[0].split(", ")
        answer = row["truth"].split(", ")
        if row["subset"] == "rank":
            rank = int(re.findall(r"number ([0-9]+)", row["input"])[0])
            assert sum(int(n) > int(answer[0]) for n in listed) == rank - 1
            continue
        assert Counter(listed) == Counter(answer)
        keys: list[Any] = [int(n) for n in answer] if row["subset"] == "numbers" else list(answer)
        if row["subset"] == "words by length":
            keys = [(len(word), word) for word in answer]
        falling = "largest to" in row["input"] or "reverse" in row["input"]
        pairs = list(pairwise(keys))
        assert all(a >= b for a, b in pairs) if falling else all(a <= b for a, b in pairs)


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_boolean_logic(difficulty: Difficulty) -> None:
    found = rows("boolean_logic", difficulty)
    for row in found:
        lamps: dict[str, bool] = {}
        for line in row["input"].splitlines():
            if given := re.fullmatch(r"Lamp ([A-L]) is (on|off)\.", line):
                lamps[given[1]] = given[2] == "on"
            elif rule := re.fullmatch(r"Lamp ([A-L]) is on exactly when (.+)\.", line):
                named = re.findall(r"\b([A-L])\b", rule[2])
                lit = sum(lamps[name] for name in named)
                lamps[rule[1]] = (
                    lit == len(named)
                    if "both" in rule[2]
                    else lit >= 1
                    if "at least one" in rule[2]
                    else lit == 1
                    if "exactly one" in rule[2]
                    else lit == 0
                )
        question = row["input"].splitlines()[-1]
        named = re.findall(r"\b([A-L])\b", question.removesuffix(" Answer yes or no."))
        if "same state" in question:
            holds = lamps[named[0]] == lamps[named[1]]
        elif "more than" in question:
            holds = sum(lamps.values()) > int(re.findall("[0-9]+", question)[0])
        else:
            holds = lamps[named[0]]
        assert row["truth"] == ("yes" if holds else "no")
    assert {row["cluster"] for row in found} >= {"lamps 1", "lamps 2"}
    assert 0.35 < sum(row["truth"] == "yes" for row in found) / len(found) < 0.65


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_instructions_say_what_is_checked(difficulty: Difficulty) -> None:
    for row in rows("instructions", difficulty):
        asked = row["metadata"]["instructions"]
        assert len(asked) == {"easy": 1, "medium": 2, "hard": 3}[difficulty]
        assert len({one["id"].partition(":")[0] for one in asked} | {one["id"] for one in asked}) > len(asked)
        for one in asked:
            for value in one["kwargs"].values():
                for text in value if isinstance(value, list) else [value]:
                    assert str(text) in row["input"]


@pytest.mark.parametrize(
    ("recipe", "paths"),
    [
        (Recipe("riddles"), ["generator"]),
        (Recipe("dates", -1, "hard", 100_001), ["rows", "seed"]),
        (Recipe("dates", 2**53, "odd", 0), ["difficulty", "rows", "seed"]),  # type: ignore[arg-type]
    ],
)
def test_recipes_that_make_no_sense(recipe: Recipe, paths: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        generators.check(recipe)
    assert [fault.path for fault in refused.value.errors] == paths
