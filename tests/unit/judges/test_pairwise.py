"""Which of two answers is better, whatever place it is shown in."""

from __future__ import annotations

import pytest

from penstock.judges.definition import BLANK, JudgeChange, changed
from penstock.judges.model import Unscorable
from penstock.judges.pairwise.comparing import Pair, Preference, compare, shows_a_first, tally
from penstock.judges.verdicts import Reply
from penstock.models.wire import ModelRequest

JUDGE = changed(BLANK, JudgeChange(name="kind", goal="Is it kind?", model="any", output="scale"))


class Says:
    """Answers the same to everything."""

    def __init__(self, answer: str | None) -> None:
        self.answer = answer
        self.asked = ""

    async def ask(self, request: ModelRequest, turn: int) -> Reply:
        self.asked = request.messages[-1].text
        if self.answer is None:
            return Reply(reason="Prose.")
        return Reply(value={"reasoning": "r", "answer": self.answer}, model="any")


async def compared(number: int, answer: str) -> Preference:
    said = await compare(JUDGE, Pair(str(number), "asked", "of a", "of b"), Says(answer))
    assert isinstance(said, Preference)
    return said


async def test_a_judge_that_always_takes_the_first_is_seen_to() -> None:
    made = [await compared(number, "first") for number in range(200)]
    counted = tally(made)
    assert (counted.first, counted.second, counted.ties) == (200, 0, 0)
    assert 70 < counted.a < 130
    assert counted.a + counted.b == 200


@pytest.mark.parametrize("number", range(6))
async def test_the_better_side_is_the_one_that_stood_in_the_place(number: int) -> None:
    asks = Says("second")
    said = await compare(JUDGE, Pair(str(number), "asked", "of a", "of b"), asks)
    assert isinstance(said, Preference)
    assert said.better == ("b" if shows_a_first(str(number), 0) else "a")
    assert (asks.asked.index("of a") < asks.asked.index("of b")) == said.a_first


async def test_a_tie_is_for_nobody_and_no_verdict_is_none() -> None:
    assert tally([await compared(1, "tie")]).ties == 1
    assert await compare(JUDGE, Pair("1", "i", "a", "b"), Says(None)) == Unscorable("Prose.")


def test_the_order_depends_on_the_seed() -> None:
    orders = [[shows_a_first(str(number), seed) for number in range(64)] for seed in (0, 1)]
    assert orders[0] != orders[1]
