"""How many requests a minute: of each key that has a limit of its own, else of all keys of a project together.

A token bucket that holds a minute's requests and fills evenly, kept as one number: the time at which it would be full
again (the generic cell rate algorithm, ITU-T I.371). It is in memory, for each process by itself.

Every response to a limited request says where it stands, as draft-ietf-httpapi-ratelimit-headers-10 has it:

    RateLimit-Policy: "key";q=600;w=60        600 requests in 60 seconds
    RateLimit: "key";r=599;t=1                599 are left; in 1 s there will be all of them again

and not in `X-RateLimit-*` too, which everybody writes differently (seconds left or a date, per second or per day).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from starlette.types import Scope

from penstock.accounts.keys import Principal
from penstock.errors import LimitReached
from penstock.queue.limits import LimitsOf

WINDOW_SECONDS = 60.0
_SWEEP_AT = 10_000
_HEADERS = "penstock.rate_limit_headers"


class RateLimits:
    """The buckets of one process. `default` is for projects that have no limit of their own; 0 is none."""

    def __init__(self, limits_of: LimitsOf, default: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits_of = limits_of
        self._default = default
        self._clock = clock
        self._full_at: dict[str, float] = {}

    async def count(self, principal: Principal, scope: Scope) -> None:
        """Count one request, and note on its scope what its response is to say.

        Raises `LimitReached` with `rate_limited` when the minute's requests are used up.
        """
        own = principal.requests_per_minute
        if own is not None:
            name, owner, limit = "key", principal.key_id, own
        else:
            project_id = principal.tenant.project_id
            limit = (await self._limits_of(project_id)).requests_per_minute or self._default
            if not limit:
                return
            name, owner = "project", project_id
        left, full_in, next_in = self._take(owner, limit)
        scope[_HEADERS] = (
            (b"ratelimit-policy", b'"%s";q=%d;w=%d' % (name.encode(), limit, WINDOW_SECONDS)),
            (b"ratelimit", b'"%s";r=%d;t=%d' % (name.encode(), left, math.ceil(full_in))),
        )
        if next_in > 0:
            raise LimitReached("rate_limited", _refusal(name, limit), retry_after_seconds=next_in)

    def _take(self, owner: str, limit: int) -> tuple[int, float, float]:
        """Take a token: how many are left, in how many seconds all are back, and in how many the next when none was."""
        now = self._clock()
        each = WINDOW_SECONDS / limit
        missing = max(0.0, self._full_at.get(owner, 0.0) - now)
        after = missing + each
        if after > WINDOW_SECONDS + 1e-9:
            return 0, missing, after - WINDOW_SECONDS
        if len(self._full_at) >= _SWEEP_AT and owner not in self._full_at:
            self._full_at = {known: full_at for known, full_at in self._full_at.items() if full_at > now}
        self._full_at[owner] = now + after
        return int((WINDOW_SECONDS - after) / each + 1e-6), after, 0.0


def headers_of(scope: Scope) -> tuple[tuple[bytes, bytes], ...]:
    """What the response to this request says about its limit; nothing when it is not limited."""
    found: tuple[tuple[bytes, bytes], ...] = scope.get(_HEADERS, ())
    return found


def _refusal(name: str, limit: int) -> str:
    if name == "key":
        change = "make a key with another limit (penstock keys create --requests-per-minute)"
        return f"This key may make {limit:,} requests a minute. Wait as Retry-After says, or {change}."
    change = "have an administrator change requestsPerMinute (PUT /limits, penstock limits set)"
    return f"The keys of this project may make {limit:,} requests a minute. Wait as Retry-After says, or {change}."
