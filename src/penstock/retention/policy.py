"""How long a project keeps executions that are over, in days: one number, and others for some kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from penstock.errors import FieldError, Invalid, NotFound
from penstock.storage import accounts as sql
from penstock.storage.store import Store
from penstock.types import Json, Tenant

LONGEST_DAYS = 36_500
MAX_KINDS = 50
DAY_MS = 86_400_000

_NAMES = ("retentionDays", "retentionDaysByKind")


class _Settings(msgspec.Struct, rename="camel"):
    retention_days: int | None = None
    retention_days_by_kind: dict[str, int] = {}


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """Days that ended executions are kept: `by_kind`, else `days`, else the default of the process; 0: for ever."""

    days: int | None = None
    by_kind: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: str) -> RetentionPolicy:
        """The policy in a project's settings, as JSON text."""
        kept = msgspec.json.decode(settings, type=_Settings)
        return cls(kept.retention_days, kept.retention_days_by_kind)

    def before(self, kind: str, default_days: int, now: int) -> int | None:
        """What was over before this moment may go; None: nothing."""
        own = self.by_kind.get(kind, self.days)
        days = default_days if own is None else own
        return now - days * DAY_MS if days > 0 else None


class RetentionSettings:
    """Reads and changes the policies of projects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, tenant: Tenant) -> RetentionPolicy:
        """What a project has chosen."""
        settings = await self._store.read(sql.project_settings(tenant.project_id))
        return RetentionPolicy.of(settings or "{}")

    async def change(self, tenant: Tenant, policy: RetentionPolicy) -> None:
        """Replace it. Raises `Invalid` for numbers of days out of range, `NotFound` for an unknown project."""
        _check(policy)
        chosen = (policy.days, dict(policy.by_kind) or None)
        values: dict[str, Json] = {name: value for name, value in zip(_NAMES, chosen, strict=True) if value is not None}
        if not await self._store.write(sql.change_settings(tenant, _NAMES, values)):
            raise NotFound("project_not_found", f"There is no project {tenant.project_id!r}.")


def _check(policy: RetentionPolicy) -> None:
    if len(policy.by_kind) > MAX_KINDS:
        raise Invalid("retention_invalid", f"There are {len(policy.by_kind)} kinds; at most {MAX_KINDS}.")
    chosen = {f"byKind.{kind}": days for kind, days in policy.by_kind.items()}
    if policy.days is not None:
        chosen["days"] = policy.days
    faults = tuple(
        FieldError(place, f"must be 0 (for ever) to {LONGEST_DAYS}, not {days}")
        for place, days in chosen.items()
        if not 0 <= days <= LONGEST_DAYS
    )
    if faults:
        named = "; ".join(f"{fault.path} {fault.message}" for fault in faults)
        raise Invalid("retention_invalid", f"This cannot be kept: {named}.", errors=faults)
