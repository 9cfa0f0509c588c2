"""Compute units: rates, balances and the ledger, as SQL. Amounts are millionths of a unit.

An organization's balance and what is reserved of it are what its entries add up to: both change in one transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from penstock.clock import now_ms
from penstock.executions.model import Execution
from penstock.models.usage import Usage
from penstock.storage.store import Transaction
from penstock.types import Tenant

EntryKind = Literal["grant", "adjustment", "reservation", "settlement", "warning"]

_ENTRY = """
insert into compute_unit_entries (organization_id, project_id, kind, at, balance_micros, reserved_micros, used_micros,
 execution_id, execution_kind, key_id, note, request_key, request_hash)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning *
"""

# Whoever comes second finds the condition as the first one left it.
_RESERVE = """
update compute_unit_accounts set reserved_micros = reserved_micros - $3 + $2
where organization_id = $1 and limited and balance_micros - reserved_micros + $3 >= $2
 and balance_micros - reserved_micros + $3 > 0
returning organization_id
"""

_CHARGE = """
update compute_unit_accounts
set balance_micros = balance_micros - case when limited then $2 else 0 end, reserved_micros = reserved_micros - $3
where organization_id = $1 returning *
"""

_ADD = """
insert into compute_unit_accounts
 (organization_id, limited, balance_micros, reserved_micros, granted_micros, warned_percent)
values ($1, $3, $2, 0, $4, 100)
on conflict (organization_id) do update set
 balance_micros = compute_unit_accounts.balance_micros + excluded.balance_micros,
 limited = compute_unit_accounts.limited or excluded.limited,
 granted_micros = case when excluded.granted_micros > 0 then excluded.granted_micros
  else compute_unit_accounts.granted_micros end,
 warned_percent = case when excluded.granted_micros > 0 then 100 else compute_unit_accounts.warned_percent end
returning *
"""

_LIMIT = """
insert into compute_unit_accounts
 (organization_id, limited, balance_micros, reserved_micros, granted_micros, warned_percent)
values ($1, $2, 0, 0, 0, 100)
on conflict (organization_id) do update set limited = excluded.limited
returning *
"""

_SETTLED = """
insert into compute_unit_settled (execution_no, model, model_calls, input_tokens, output_tokens, cached_tokens,
 cost_nanos, unpriced_calls, ecu_micros)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
on conflict (execution_no, model) do update set model_calls = excluded.model_calls,
 input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
 cached_tokens = excluded.cached_tokens, cost_nanos = excluded.cost_nanos,
 unpriced_calls = excluded.unpriced_calls, ecu_micros = excluded.ecu_micros
"""


@dataclass(frozen=True, slots=True)
class Account:
    """What an organization has. Not `limited`: as much as it likes, and its balance stays as it is."""

    limited: bool = False
    balance_micros: int = 0
    reserved_micros: int = 0
    granted_micros: int = 0
    warned_percent: int = 100

    @property
    def available_micros(self) -> int:
        return self.balance_micros - self.reserved_micros


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger, before it has a number. `balance_micros` and `reserved_micros` are changes."""

    organization_id: str
    kind: EntryKind
    balance_micros: int = 0
    reserved_micros: int = 0
    used_micros: int = 0
    project_id: str | None = None
    execution_id: str | None = None
    execution_kind: str | None = None
    key_id: str | None = None
    note: str | None = None
    request_key: str | None = None
    request_hash: str | None = None


def entry_of(execution: Execution, kind: EntryKind) -> Entry:
    """A line about an execution, without amounts."""
    return Entry(
        organization_id=execution.tenant.organization_id,
        kind=kind,
        project_id=execution.tenant.project_id,
        execution_id=execution.id,
        execution_kind=execution.kind,
        key_id=execution.created_by,
    )


# Rates


def current_rates(organization_id: str) -> Transaction[Any | None]:
    """The row of the newest version; None where nobody has set any."""
    sql = "select * from compute_unit_rates where organization_id = $1 order by version desc limit 1"
    rows = yield sql, organization_id
    return rows[0] if rows else None


def rates(organization_id: str, version: int) -> Transaction[Any | None]:
    """The row of one version."""
    sql = "select * from compute_unit_rates where organization_id = $1 and version = $2"
    rows = yield sql, organization_id, version
    return rows[0] if rows else None


def add_rates(organization_id: str, text: str, created_by: str | None) -> Transaction[Any]:
    """Make the next version; its row."""
    rows = yield (
        "insert into compute_unit_rates (organization_id, version, rates, created_by, created_at)"
        " select $1, coalesce(max(version), 0) + 1, $2, $3, $4 from compute_unit_rates where organization_id = $1"
        " returning *",
        organization_id,
        text,
        created_by,
        now_ms(),
    )
    return rows[0]


# Balances


def account(organization_id: str) -> Transaction[Account]:
    """What an organization has."""
    rows = yield "select * from compute_unit_accounts where organization_id = $1", organization_id
    return _account(rows)


def add_to_balance(entry: Entry) -> Transaction[tuple[Any, Account]]:
    """Write a grant (which limits the organization from now on) or an adjustment; its row, and what there is then."""
    granted = entry.balance_micros if entry.kind == "grant" else 0
    found = _account((yield _ADD, entry.organization_id, entry.balance_micros, entry.kind == "grant", granted))
    return (yield from _write(entry)), found


def set_limited(organization_id: str, limited: bool) -> Transaction[Account]:
    """Let the balance limit an organization, or not."""
    return _account((yield _LIMIT, organization_id, limited))


def note_warning(entry: Entry, percent: int) -> Transaction[None]:
    """Write down that an organization was warned of a share of its last grant."""
    yield from _write(entry)
    yield (
        "update compute_unit_accounts set warned_percent = $2 where organization_id = $1",
        entry.organization_id,
        percent,
    )


def by_request(organization_id: str, request_key: str) -> Transaction[Any | None]:
    """The entry that a caller's Idempotency-Key stands for."""
    sql = "select * from compute_unit_entries where organization_id = $1 and request_key = $2"
    rows = yield sql, organization_id, request_key
    return rows[0] if rows else None


def entries(organization_id: str, before: int | None, limit: int) -> Transaction[list[Any]]:
    """The newest entries, or those before a number."""
    behind = "" if before is None else "and no < $3"
    sql = f"select * from compute_unit_entries where organization_id = $1 {behind} order by no desc limit $2"
    return (yield sql, organization_id, limit, *(() if before is None else (before,)))


# Executions


def reserve(execution: Execution, micros: int) -> Transaction[bool]:
    """Let an execution hold so much of its organization's balance, in the place of what it holds.

    False when less is available, or nothing at all; then nothing is written.
    """
    organization_id, before = execution.tenant.organization_id, execution.reserved_micros
    if not (yield _RESERVE, organization_id, micros, before):
        return False
    if micros != before:
        yield from _write(replace(entry_of(execution, "reservation"), reserved_micros=micros - before))
        yield "update executions set reserved_micros = $2 where no = $1", execution.no, micros
    return True


def charge(execution: Execution, micros: int) -> Transaction[Account]:
    """Take what an execution has used beyond what it was charged for, and let go of what it held; what is left."""
    held = execution.reserved_micros
    found = _account((yield _CHARGE, execution.tenant.organization_id, micros, held))
    settled = replace(
        entry_of(execution, "settlement"),
        balance_micros=-micros if found.limited else 0,
        reserved_micros=-held,
        used_micros=micros,
    )
    yield from _write(settled)
    if held:
        yield "update executions set reserved_micros = 0 where no = $1", execution.no
    return found


def settled(execution_no: int) -> Transaction[dict[str, Usage]]:
    """What an execution was charged for, by model."""
    rows = yield "select * from compute_unit_settled where execution_no = $1", execution_no
    return {row["model"]: usage_of(row) for row in rows}


def remember_settled(execution_no: int, usage: Mapping[str, Usage]) -> Transaction[None]:
    """Write down what an execution is charged for in all, by model."""
    for model, used in usage.items():
        yield _SETTLED, execution_no, model, *columns_of(used)


def usage_of(row: Any) -> Usage:
    """The usage of a row that has its columns."""
    return Usage(
        model_calls=int(row["model_calls"]),
        input_tokens=int(row["input_tokens"]),
        output_tokens=int(row["output_tokens"]),
        cached_tokens=int(row["cached_tokens"]),
        cost_nanos=int(row["cost_nanos"]),
        unpriced_calls=int(row["unpriced_calls"]),
        ecu_micros=int(row["ecu_micros"]),
    )


def columns_of(usage: Usage) -> tuple[int, ...]:
    """The columns of a usage, in their order."""
    return (
        usage.model_calls,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.cost_nanos,
        usage.unpriced_calls,
        usage.ecu_micros,
    )


def names(tenant: Tenant, table: Literal["keys", "projects"], ids: list[str]) -> Transaction[dict[str, str]]:
    """What keys or projects of an organization are called, those that are still there."""
    found: dict[str, str] = {}
    for one in ids:
        rows = yield (
            f"select name from {table} where id = $1 and organization_id = $2",
            one,
            tenant.organization_id,
        )
        if rows:
            found[one] = rows[0]["name"]
    return found


def _account(rows: list[Any]) -> Account:
    if not rows:
        return Account()
    row = rows[0]
    return Account(
        limited=bool(row["limited"]),
        balance_micros=row["balance_micros"],
        reserved_micros=row["reserved_micros"],
        granted_micros=row["granted_micros"],
        warned_percent=row["warned_percent"],
    )


def _write(entry: Entry) -> Transaction[Any]:
    rows = yield (
        _ENTRY,
        entry.organization_id,
        entry.project_id,
        entry.kind,
        now_ms(),
        entry.balance_micros,
        entry.reserved_micros,
        entry.used_micros,
        entry.execution_id,
        entry.execution_kind,
        entry.key_id,
        entry.note,
        entry.request_key,
        entry.request_hash,
    )
    return rows[0]
