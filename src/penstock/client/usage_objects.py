"""What was used, and what is left, as the server answers with it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from penstock.client.objects import Record

UsageGroupName = Literal["day", "kind", "key", "model", "project"]


class KeyOrProject(Record, frozen=True, kw_only=True):
    """A key or a project; its name is None when it is gone."""

    id: str
    name: str | None = None


class UsageGroup(Record, frozen=True, kw_only=True):
    """What a group used; of its members `day` to `project` those are set that it is grouped by.

    `unpriced_calls` above 0 makes the cost a lower bound. Amounts are decimal strings.
    """

    executions: int = 0
    model_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: str = "0.0000"
    unpriced_calls: int = 0
    ecu: str = "0.00"
    day: str | None = None
    kind: str | None = None
    key: KeyOrProject | None = None
    model: str | None = None
    project: KeyOrProject | None = None


class UsageReport(Record, frozen=True, kw_only=True):
    """All groups of a period in their order, and what they add up to. Both days are included."""

    first_day: str
    last_day: str
    total: UsageGroup
    data: Sequence[UsageGroup] = ()
    next_cursor: str | None = None


class ComputeUnitBalance(Record, frozen=True, kw_only=True):
    """What the organization has; None while it is not `limited`. `available` is without what running work holds."""

    limited: bool
    balance: str | None = None
    reserved: str | None = None
    available: str | None = None
    last_grant: str | None = None
    rates_version: int = 0


class ComputeUnitRates(Record, frozen=True, kw_only=True):
    """What things take: see docs/compute-units.md."""

    inference: str
    judge: str
    trace_evaluation: str
    metric: str
    usd: str
    million_tokens: str
    version: int = 0
    created_by: str | None = None
    created_at: datetime | None = None


class LedgerEntry(Record, frozen=True, kw_only=True):
    """A line of the ledger. `balance` and `reserved` are changes, `used` is what a settlement counts in any case."""

    number: int
    kind: str
    at: datetime
    balance: str
    reserved: str
    used: str
    project_id: str | None = None
    execution_id: str | None = None
    execution_kind: str | None = None
    key_id: str | None = None
    note: str | None = None
