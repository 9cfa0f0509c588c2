"""A POST whose answer was lost, sent again."""

from __future__ import annotations

import asyncio

import pytest

from penstock.server.stratix.repeats import GRACE_SECONDS, Repeats


class Caller:
    """Somebody who sends a request, and may go away."""

    def __init__(self) -> None:
        self.away = False

    async def gone(self) -> bool:
        return self.away


class Maker:
    """Makes a new thing each time."""

    def __init__(self) -> None:
        self.made = 0
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def __call__(self) -> int:
        await self.may_go_on.wait()
        self.made += 1
        return self.made


async def test_the_same_thing_after_a_lost_answer_and_another_after_a_good_one() -> None:
    now = 0.0
    repeats, make, caller = Repeats(lambda: now), Maker(), Caller()
    gone = caller.gone
    assert await repeats.once("post", make, gone) == 1
    await repeats.answered("post", 500, gone)
    assert await repeats.once("post", make, gone) == 1
    await repeats.answered("post", 200, gone)
    assert await repeats.once("post", make, gone) == 2
    await repeats.answered("post", 503, gone)
    assert await repeats.once("another", make, gone) == 3
    now += GRACE_SECONDS + 1
    assert await repeats.once("post", make, gone) == 4


async def test_a_caller_who_went_away_is_found_again_while_the_work_goes_on() -> None:
    repeats, make, first, second = Repeats(), Maker(), Caller(), Caller()
    make.may_go_on.clear()
    waiting = asyncio.create_task(repeats.once("post", make, first.gone))
    await asyncio.sleep(0)
    first.away = True
    again = asyncio.create_task(repeats.once("post", make, second.gone))
    await asyncio.sleep(0)
    make.may_go_on.set()
    assert [await waiting, await again] == [1, 1]


async def test_two_who_both_wait_for_their_answers_get_two() -> None:
    repeats, make, first, second = Repeats(), Maker(), Caller(), Caller()
    make.may_go_on.clear()
    both = [asyncio.create_task(repeats.once("post", make, caller.gone)) for caller in (first, second)]
    await asyncio.sleep(0)
    make.may_go_on.set()
    assert sorted(await asyncio.gather(*both)) == [1, 2]


async def test_what_was_refused_is_not_remembered() -> None:
    repeats, caller = Repeats(), Caller()
    gone = caller.gone

    async def refuse() -> int:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        await repeats.once("post", refuse, gone)
    await repeats.answered("post", 500, gone)
    assert await repeats.once("post", Maker(), gone) == 1
