"""The adaptive limit of an endpoint, with a clock that stands still unless moved."""

from __future__ import annotations

import asyncio

import pytest

from penstock.errors import StepError
from penstock.models.adaptive import COOL_DOWN_SECONDS, AdaptiveLimiter
from penstock.queue.fairness import Claim


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Calls:
    """Calls that hold their place until they are told how to end."""

    def __init__(self, limiter: AdaptiveLimiter) -> None:
        self.limiter = limiter
        self.running: dict[int, asyncio.Future[None]] = {}
        self.order: list[int] = []

    async def call(self, number: int) -> None:
        async with self.limiter.place():
            self.order.append(number)
            self.running[number] = asyncio.get_running_loop().create_future()
            await self.running[number]

    def start(self, count: int) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.call(number)) for number in range(count)]

    async def answer_all(self) -> None:
        for future in list(self.running.values()):
            if not future.done():
                future.set_result(None)
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def too_many(seconds: float | None = None) -> StepError:
    return StepError("model_rate_limited", "429", retryable=True, retry_after_seconds=seconds)


async def cut(limiter: AdaptiveLimiter, seconds: float | None = None) -> None:
    with pytest.raises(StepError):
        async with limiter.place():
            raise too_many(seconds)


async def test_starts_at_twenty_and_doubles_while_callers_wait(clock: Clock) -> None:
    limiter = AdaptiveLimiter(clock=clock)
    calls = Calls(limiter)
    tasks = calls.start(200)
    await settle()
    assert limiter.in_flight == 20
    await calls.answer_all()
    assert limiter.limit == 40
    assert limiter.in_flight == 40
    await calls.answer_all()
    assert limiter.in_flight == 80
    while limiter.in_flight:
        await calls.answer_all()
    await asyncio.gather(*tasks)


async def test_never_exceeds_its_cap(clock: Clock) -> None:
    limiter = AdaptiveLimiter(start=2, cap=3, clock=clock)
    calls = Calls(limiter)
    tasks = calls.start(30)
    await settle()
    while limiter.in_flight:
        assert limiter.in_flight <= 3
        await calls.answer_all()
    await asyncio.gather(*tasks)
    assert limiter.limit == 3


async def test_an_idle_endpoint_does_not_grow(clock: Clock) -> None:
    limiter = AdaptiveLimiter(clock=clock)
    for _ in range(100):
        async with limiter.place():
            pass
    assert limiter.limit == 20


async def test_waiters_are_served_in_order(clock: Clock) -> None:
    limiter = AdaptiveLimiter(start=1, cap=1, clock=clock)
    calls = Calls(limiter)
    tasks = calls.start(10)
    await settle()
    while limiter.in_flight:
        await calls.answer_all()
    await asyncio.gather(*tasks)
    assert calls.order == list(range(10))


async def test_a_burst_of_429_cuts_once(clock: Clock) -> None:
    limiter = AdaptiveLimiter(clock=clock)
    calls = Calls(limiter)
    tasks = calls.start(10)
    await settle()
    for future in calls.running.values():
        future.set_exception(too_many())
    await asyncio.gather(*tasks, return_exceptions=True)
    assert limiter.limit == 16
    await cut(limiter)
    assert limiter.limit == 12


async def test_grows_again_only_after_the_cool_down_and_gently(clock: Clock) -> None:
    limiter = AdaptiveLimiter(clock=clock)
    await cut(limiter)
    calls = Calls(limiter)
    tasks = calls.start(160)
    await settle()
    for _ in range(3):
        await calls.answer_all()
    assert limiter.limit == 16
    clock.now += COOL_DOWN_SECONDS
    await calls.answer_all()
    assert limiter.limit == 17
    while limiter.in_flight:
        await calls.answer_all()
    await asyncio.gather(*tasks)


async def test_nobody_calls_before_retry_after_is_over() -> None:
    limiter = AdaptiveLimiter(start=5)
    loop = asyncio.get_running_loop()
    await cut(limiter, 0.05)
    asked = loop.time()
    async with limiter.place():
        assert loop.time() - asked >= 0.04


async def test_a_cancelled_waiter_leaks_no_place(clock: Clock) -> None:
    limiter = AdaptiveLimiter(start=1, cap=1, clock=clock)
    calls = Calls(limiter)
    first, second, third = calls.start(3)
    await settle()
    second.cancel()
    await settle()
    await calls.answer_all()
    assert calls.order == [0, 2]
    await calls.answer_all()
    await asyncio.gather(first, third)
    assert limiter.idle


async def test_a_waiter_cancelled_as_it_is_admitted_gives_the_place_on(clock: Clock) -> None:
    limiter = AdaptiveLimiter(start=1, cap=1, clock=clock)
    calls = Calls(limiter)
    held = limiter.place()
    await held.__aenter__()
    first, second = calls.start(2)
    await settle()
    # The place is handed to the first, and its wait given up, before it has had a turn.
    await held.__aexit__(None, None, None)
    assert limiter.in_flight == 1
    first.cancel()
    await settle()
    assert first.cancelled()
    assert calls.order == [1]
    await calls.answer_all()
    await second
    assert limiter.idle


async def test_a_cancelled_call_gives_its_place_back(clock: Clock) -> None:
    limiter = AdaptiveLimiter(start=1, cap=1, clock=clock)
    calls = Calls(limiter)
    first, second = calls.start(2)
    await settle()
    first.cancel()
    await settle()
    assert calls.order == [0, 1]
    await calls.answer_all()
    await second
    assert limiter.idle


async def test_a_few_calls_of_one_tenant_do_not_wait_for_the_many_of_another(clock: Clock) -> None:
    limiter = AdaptiveLimiter(start=1, cap=1, clock=clock)
    served: list[str] = []

    async def call(key: str) -> None:
        async with limiter.place(Claim(key)):
            served.append(key)
            await asyncio.sleep(0)

    calls = [call("many") for _ in range(500)] + [call("few") for _ in range(5)]
    await asyncio.gather(*calls)
    assert served[:11].count("few") == 5


async def test_who_holds_places_longer_gets_them_less_often(clock: Clock) -> None:
    limiter = AdaptiveLimiter(start=1, cap=1, clock=clock)
    served: list[str] = []

    async def call(key: str, seconds: float) -> None:
        async with limiter.place(Claim(key)):
            served.append(key)
            await asyncio.sleep(0)
            clock.now += seconds

    calls = [call(key, seconds) for _ in range(200) for key, seconds in (("slow", 4.0), ("quick", 1.0))]
    await asyncio.gather(*calls)
    assert served[40:140].count("slow") in range(17, 24)


async def test_callers_who_wait_go_before_the_batch_and_do_not_shut_it_out(clock: Clock) -> None:
    limiter = AdaptiveLimiter(start=1, cap=1, clock=clock)
    served: list[str] = []

    async def call(claim: Claim) -> None:
        async with limiter.place(claim):
            served.append(claim.lane)
            await asyncio.sleep(0)

    batch, waiting = Claim("a"), Claim("a", "interactive")
    await asyncio.gather(*(call(claim) for claim in [batch] * 50 + [waiting] * 50))
    assert served[1:51].count("interactive") == 40
