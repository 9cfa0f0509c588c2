"""What one tenant may have of what all share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec


class TenantLimits(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """Limits of one project, as its settings keep them. None: the process's own limit, or none where it has none."""

    weight: float = 1.0
    """Its share beside others that wait too: twice the weight, twice the places."""
    max_queued_executions: int | None = None
    """Executions that are waiting, running or paused; one more is refused."""
    max_running_executions: int | None = None
    """Executions at once; the others wait."""
    max_items_in_flight: int | None = None
    """Items of all its executions at once; the others wait."""
    requests_per_minute: int | None = None
    """Requests to the API by all its keys that have no limit of their own."""
    retention_days: int | None = None
    """How long executions are kept after their end."""


LimitsOf: TypeAlias = Callable[[str], Awaitable[TenantLimits]]
"""The limits of a project, by its id. Cheap: it may be asked for each request."""

NO_LIMITS = TenantLimits()


async def no_limits(project_id: str) -> TenantLimits:
    """A `LimitsOf` for a process in which nobody is limited."""
    return NO_LIMITS
