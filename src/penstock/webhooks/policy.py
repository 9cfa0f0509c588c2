"""When a delivery is attempted, and what an attempt makes of it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from penstock.storage.deliveries import Attempt, Standing

SCHEDULE_SECONDS = (0.0, 5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
"""The wait before each attempt: ten in 75 hours and 35 minutes, as the Standard Webhooks specification proposes."""

JITTER = 0.1
"""Each wait is up to a tenth shorter or longer, so that what failed together does not come back together."""

LONGEST_RETRY_AFTER_SECONDS = 86400.0
GONE = 410
_HONOURED = frozenset({429, 503})


@dataclass(frozen=True)
class DeliveryPolicy:
    """How persistently, and how many at once.

    `per_host` keeps a receiver that hangs from holding up the others, `per_project` a tenant that has many of those.
    """

    schedule_seconds: tuple[float, ...] = SCHEDULE_SECONDS
    timeout_seconds: float = 15.0
    at_once: int = 32
    per_host: int = 4
    per_project: int = 16


def standing_after(
    attempt: Attempt, step: int, retry_after_seconds: float | None, schedule_seconds: tuple[float, ...]
) -> Standing:
    """What a delivery is after the attempt at place `step` (from 0) of the schedule.

    2xx is success; 410 ends it, as there is nobody any more; everything else, a redirect too, is a failure that is
    tried again while the schedule lasts, later where a 429 or 503 asks for that.
    """
    status = attempt.status
    if status is not None and 200 <= status < 300:
        return Standing("delivered")
    if status == GONE:
        return Standing("failed", reason="gone")
    if step + 1 >= len(schedule_seconds):
        return Standing("failed", reason="attempts_exhausted")
    wait = schedule_seconds[step + 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter, no secret
    if status in _HONOURED and retry_after_seconds is not None:
        wait = max(wait, min(retry_after_seconds, LONGEST_RETRY_AFTER_SECONDS))
    ended_at = attempt.started_at + attempt.duration_ms
    return Standing("pending", next_attempt_at=ended_at + int(wait * 1000))
