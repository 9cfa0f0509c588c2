"""A search in a thread and the task that does its wishes: values, failures, cancels; and no thread stays."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import pytest

from penstock.optimization.thinking import Ask, Unwound, think

NAME = "penstock-search-under-test"


@pytest.fixture(autouse=True)
def _leaves_no_thread() -> object:
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == NAME]


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def fail() -> None:
    raise KeyError("gone")


async def test_wishes_are_done_by_the_task_that_waits() -> None:
    tasks: list[object] = []

    async def note(number: int) -> int:
        tasks.append(asyncio.current_task())
        return await double(number)

    found = await think(lambda ask: [ask(lambda n=n: note(n)) for n in range(3)], NAME)
    assert found == [0, 2, 4]
    assert set(tasks) == {asyncio.current_task()}


async def test_what_the_search_raises_is_raised() -> None:
    def search(ask: Ask) -> int:
        raise ZeroDivisionError(str(ask(lambda: double(1))))

    with pytest.raises(ZeroDivisionError, match="2"):
        await think(search, NAME)


async def test_what_a_wish_raises_is_raised_and_a_broad_except_does_not_hold_the_search_up() -> None:
    reached = []

    def search(ask: Ask) -> None:
        with suppress(Exception):
            ask(fail)
        reached.append("further")

    with pytest.raises(KeyError):
        await think(search, NAME)
    assert not reached


async def test_a_cancel_unwinds_the_search_wherever_it_is() -> None:
    begun, seen = asyncio.Event(), []

    async def for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    def search(ask: Ask) -> None:
        try:
            ask(for_ever)
        except Unwound:
            seen.append("unwound")
            # What it wishes on its way out is not done any more.
            ask(lambda: double(1))

    task = asyncio.create_task(think(search, NAME))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["unwound"]


async def test_a_cancel_while_it_thinks_waits_for_the_end_of_the_thought() -> None:
    thinking, go_on = threading.Event(), threading.Event()

    def search(ask: Ask) -> None:
        thinking.set()
        go_on.wait()
        ask(lambda: double(1))

    task = asyncio.create_task(think(search, NAME))
    await asyncio.to_thread(thinking.wait)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
