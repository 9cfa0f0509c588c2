"""The window: never more places than there are, and none lost, whoever gives up."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.executions.limits import Window
from penstock.queue.fairness import ANYBODY
from penstock.queue.gate import Gate


async def free_places(window: Window, places: int) -> int:
    """How many can be taken now."""
    taken = 0
    for _ in range(places + 1):
        try:
            async with asyncio.timeout(0):
                await window.acquire(0)
        except TimeoutError:
            break
        taken += 1
    for _ in range(taken):
        window.release()
    return taken


ACTIONS = st.lists(st.tuples(st.sampled_from(["come", "leave", "give up", "turn"]), st.integers(0, 9)), max_size=60)


@settings(max_examples=150, deadline=None)
@given(places=st.integers(1, 4), actions=ACTIONS)
def test_no_place_is_lost_or_given_twice(places: int, actions: list[tuple[str, int]]) -> None:
    async def play() -> None:
        window = Window(places, Gate(5000).door(ANYBODY))
        inside = 0
        leave: list[asyncio.Event] = []
        tasks: list[asyncio.Task[None]] = []

        async def visit(depth: int, left: asyncio.Event) -> None:
            nonlocal inside
            await window.acquire(depth)
            inside += 1
            assert inside <= places
            try:
                await left.wait()
            finally:
                inside -= 1
                window.release()

        for action, n in actions:
            if action == "come":
                leave.append(asyncio.Event())
                tasks.append(asyncio.create_task(visit(n, leave[-1])))
            elif action == "leave" and leave:
                leave[n % len(leave)].set()
            elif action == "give up" and tasks:
                tasks[n % len(tasks)].cancel()
            else:
                await asyncio.sleep(0)
        for _ in range(3 + 2 * len(tasks)):  # whoever leaves, and whoever follows them, is through
            await asyncio.sleep(0)
        assert inside == min(places, sum(not task.done() for task in tasks))
        for event in leave:
            event.set()
        async with asyncio.timeout(10):
            results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [r for r in results if isinstance(r, Exception)]
        assert await free_places(window, places) == places

    asyncio.run(play())


async def test_the_deepest_comes_first_and_then_who_came_first() -> None:
    window = Window(1, Gate(5000).door(ANYBODY))
    await window.acquire(0)
    order: list[str] = []

    async def visit(name: str, depth: int) -> None:
        await window.acquire(depth)
        order.append(name)
        window.release()

    tasks = []
    for name, depth in (("a0", 0), ("b1", 1), ("c2", 2), ("d1", 1), ("e0", 0)):
        tasks.append(asyncio.create_task(visit(name, depth)))
        await asyncio.sleep(0)
    window.release()
    await asyncio.gather(*tasks)
    assert order == ["c2", "b1", "d1", "a0", "e0"]


async def test_a_place_that_was_given_to_somebody_who_leaves_at_that_moment_goes_on() -> None:
    window = Window(1, Gate(5000).door(ANYBODY))
    await window.acquire(0)
    leaving = asyncio.create_task(window.acquire(5))
    following = asyncio.create_task(window.acquire(0))
    await asyncio.sleep(0)
    window.release()
    leaving.cancel()
    await asyncio.wait((leaving, following), timeout=10)
    assert leaving.cancelled()
    assert following.exception() is None
