"""When a step is tried again, and after how long."""

from __future__ import annotations

import random
from dataclasses import dataclass

from penstock.errors import StepError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_attempts` counts the first one. Delays double and are drawn at random up to the bound (full jitter).

    Full jitter: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    max_attempts: int = 3
    initial_delay_seconds: float = 0.5
    max_delay_seconds: float = 30.0

    def delay_seconds(self, attempt: int, error: StepError, draw: random.Random) -> float | None:
        """Seconds until the next attempt after attempt number `attempt` (from 1) failed; None: no more attempts.

        What the other side asked for with Retry-After is a lower bound.
        """
        if not error.retryable or attempt >= self.max_attempts:
            return None
        bound = min(self.max_delay_seconds, self.initial_delay_seconds * 2 ** (attempt - 1))
        return max(draw.uniform(0, bound), error.retry_after_seconds or 0.0)
