"""The gate of a process: nobody waits beside free room, tenants go in in turn, and nothing is left behind."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

from penstock.queue.fairness import Claim
from penstock.queue.gate import ALONE, LEAST, LOOK_SECONDS, SHARED, Door, Gate


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def enter(door: Door, name: str, entered: list[str]) -> None:
    await door.enter()
    entered.append(name)


async def test_the_few_of_one_tenant_go_in_in_turn_with_the_many_of_another() -> None:
    gate = Gate(1)
    many, few = gate.door(Claim("many")), gate.door(Claim("few"))
    assert many.try_enter()
    entered: list[str] = []
    tasks = [asyncio.create_task(enter(many, "many", entered)) for _ in range(100)]
    tasks += [asyncio.create_task(enter(few, "few", entered)) for _ in range(3)]
    await settle()
    assert not few.try_enter()
    many.leave()
    while len(entered) < 103:
        await settle()
        (few if entered[-1] == "few" else many).leave()
    assert entered[:7].count("few") == 3
    await asyncio.gather(*tasks)
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_a_tenant_s_own_limit_keeps_out_its_own_and_nobody_else_s() -> None:
    gate = Gate(10)
    narrow, other = gate.door(Claim("narrow"), 2), gate.door(Claim("other"))
    entered: list[str] = []
    tasks = [asyncio.create_task(enter(narrow, f"n{n}", entered)) for n in range(5)]
    await settle()
    assert entered == ["n0", "n1"]
    assert other.try_enter()
    same = gate.door(Claim("narrow"), 2)
    assert not same.try_enter()
    for _ in range(5):
        narrow.leave()
        await settle()
    assert entered == ["n0", "n1", "n2", "n3", "n4"]
    other.leave()
    await asyncio.gather(*tasks)
    assert gate.inside == 0
    assert same.try_enter()
    same.leave()


async def test_who_gives_up_waiting_leaves_nothing_behind() -> None:
    gate = Gate(1)
    door, capped = gate.door(Claim("a")), gate.door(Claim("b"), 1)
    assert door.try_enter()
    entered: list[str] = []
    first = asyncio.create_task(enter(door, "first", entered))
    second = asyncio.create_task(enter(capped, "second", entered))
    third = asyncio.create_task(enter(capped, "third", entered))
    await settle()
    second.cancel()
    await settle()
    # The place is handed to the first, which gives up before it has had a turn.
    door.leave()
    first.cancel()
    await settle()
    assert entered == ["third"]
    capped.leave()
    await third
    assert (gate.inside, gate.waiting) == (0, 0)


async def test_beside_others_only_so_many_go_in_in_one_turn_of_the_loop() -> None:
    gate = Gate(1_000)
    door, other = gate.door(Claim("a")), gate.door(Claim("b"))
    await other.enter()
    other.leave()
    await settle()
    entered: list[str] = []
    tasks = [asyncio.create_task(enter(door, "a", entered)) for _ in range(3 * SHARED.pace)]
    counts = []
    while len(entered) < 3 * SHARED.pace:
        await asyncio.sleep(0)
        counts.append(gate.inside)
    steps = [later - earlier for earlier, later in pairwise([0, *counts])]
    assert max(steps) == SHARED.pace
    await asyncio.gather(*tasks)


def compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def test_long_turns_of_the_loop_make_it_narrower_and_short_ones_wider_again() -> None:
    gate = Gate(1_000)
    door = gate.door(Claim("a"))
    inside = gate.limit
    async with asyncio.timeout(30):
        for _ in range(inside):
            await door.enter()
        waiting = [asyncio.create_task(door.enter()) for _ in range(100)]
        while gate.limit > LEAST:
            # What computes in every turn of the loop: its turns are long.
            compute(2 * ALONE.turn_seconds)
            await asyncio.sleep(0)
        assert (gate.inside, gate.waiting) == (inside, 100)
        for _ in range(inside):
            door.leave()
        while gate.waiting:
            await asyncio.sleep(LOOK_SECONDS)
    await asyncio.gather(*waiting)
    assert gate.limit > LEAST
    assert gate.inside == 100
