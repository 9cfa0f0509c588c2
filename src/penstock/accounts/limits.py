"""Limits of projects: kept with the project's settings, read often, changed by whoever administers it."""

from __future__ import annotations

import time

import msgspec

from penstock.errors import FieldError, Invalid, NotFound
from penstock.queue.limits import TenantLimits
from penstock.storage import accounts as sql
from penstock.storage.store import Store
from penstock.types import Tenant

FRESH_SECONDS = 5.0
MAX_KNOWN = 10_000
LARGEST = 1_000_000_000
WEIGHTS = (0.01, 1000.0)
_SMALLEST = {"retentionDays": 0}


class ProjectLimits:
    """Reads and changes them. A change counts at once in this process, and within 5 s in others."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[float, TenantLimits]] = {}

    async def of(self, project_id: str) -> TenantLimits:
        """The limits of a project; those of one that does not exist are none."""
        known = self._known.get(project_id)
        now = time.monotonic()
        if known is not None and now - known[0] <= FRESH_SECONDS:
            return known[1]
        settings = await self._store.read(sql.project_settings(project_id))
        limits = TenantLimits() if settings is None else _limits_of(settings)
        self._know(project_id, now, limits)
        return limits

    async def change(self, tenant: Tenant, limits: TenantLimits) -> TenantLimits:
        """Replace them all. Raises `Invalid` naming each that is out of range, `NotFound` for an unknown project."""
        _check(limits)
        written = msgspec.to_builtins(limits)
        if not await self._store.write(sql.change_settings(tenant, TenantLimits.__struct_encode_fields__, written)):
            raise NotFound("project_not_found", f"There is no project {tenant.project_id!r}.")
        self._know(tenant.project_id, time.monotonic(), limits)
        return limits

    def _know(self, project_id: str, at: float, limits: TenantLimits) -> None:
        self._known.pop(project_id, None)
        while len(self._known) >= MAX_KNOWN:
            self._known.pop(next(iter(self._known)))
        self._known[project_id] = at, limits


def _limits_of(settings: str) -> TenantLimits:
    return msgspec.json.decode(settings, type=TenantLimits)


def _check(limits: TenantLimits) -> None:
    least, most = WEIGHTS
    faults = []
    for name, value in msgspec.to_builtins(limits).items():
        if name == "weight":
            if not least <= value <= most:
                faults.append(FieldError(name, f"must be between {least:g} and {most:g}"))
        elif not (smallest := _SMALLEST.get(name, 1)) <= value <= LARGEST:
            faults.append(
                FieldError(name, f"must be between {smallest} and {LARGEST}, or null for no limit of its own")
            )
    if faults:
        named = "; ".join(f"{fault.path} {fault.message}" for fault in faults)
        raise Invalid("limits_invalid", f"These limits cannot be set: {named}.", errors=tuple(faults))
