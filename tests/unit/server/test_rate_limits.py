"""Requests a minute, with a clock that stands still unless moved."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.accounts.keys import Principal
from penstock.errors import LimitReached
from penstock.queue.limits import TenantLimits
from penstock.server.rate_limits import RateLimits, headers_of
from penstock.types import Tenant


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def principal(key: str = "k1", project: str = "p1", limit: int | None = None) -> Principal:
    return Principal(Tenant("o", project), key, key, frozenset(), limit)


def limits(project_limit: int | None = None, default: int = 0) -> tuple[RateLimits, Clock]:
    async def limits_of(project_id: str) -> TenantLimits:
        return TenantLimits(requests_per_minute=project_limit)

    clock = Clock()
    return RateLimits(limits_of, default, clock=clock), clock


async def count(rates: RateLimits, who: Principal, times: int) -> dict[str, str]:
    scope: dict[str, Any] = {}
    for _ in range(times):
        await rates.count(who, scope)
    return {name.decode(): value.decode() for name, value in headers_of(scope)}


async def test_nobody_is_limited_unless_somebody_said_so() -> None:
    rates, _ = limits()
    assert await count(rates, principal(), 1_000) == {}


async def test_a_minute_s_requests_may_come_at_once_and_then_evenly() -> None:
    rates, clock = limits()
    who = principal(limit=60)
    assert await count(rates, who, 60) == {"ratelimit-policy": '"key";q=60;w=60', "ratelimit": '"key";r=0;t=60'}
    with pytest.raises(LimitReached) as refused:
        await count(rates, who, 1)
    assert refused.value.code == "rate_limited"
    assert refused.value.retry_after_seconds == pytest.approx(1.0)
    clock.now += 1.0
    await count(rates, who, 1)
    with pytest.raises(LimitReached):
        await count(rates, who, 1)
    clock.now += 30.0
    assert (await count(rates, who, 1))["ratelimit"] == '"key";r=29;t=31'


async def test_a_refused_request_costs_nothing() -> None:
    rates, clock = limits()
    who = principal(limit=1)
    await count(rates, who, 1)
    for _ in range(100):
        with pytest.raises(LimitReached):
            await count(rates, who, 1)
    clock.now += 60.0
    await count(rates, who, 1)


async def test_the_keys_of_a_project_share_its_limit_but_for_those_with_their_own() -> None:
    rates, _ = limits(project_limit=2, default=100)
    await count(rates, principal("k1"), 1)
    assert (await count(rates, principal("k2"), 1))["ratelimit-policy"] == '"project";q=2;w=60'
    with pytest.raises(LimitReached, match="PUT /limits"):
        await count(rates, principal("k1"), 1)
    await count(rates, principal("k3", limit=5), 5)
    await count(rates, principal("k4", project="p2"), 2)


async def test_the_process_limits_each_project_that_has_no_limit() -> None:
    rates, _ = limits(default=1)
    await count(rates, principal("k1"), 1)
    with pytest.raises(LimitReached):
        await count(rates, principal("k1"), 1)
    await count(rates, principal("k2", project="p2"), 1)
