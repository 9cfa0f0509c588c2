"""`/usage`: what was used, by day, kind, key, model and project."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, get_args

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from penstock.accounts.compute_units.reports import UsageReport, UsageRow
from penstock.accounts.scopes import ADMIN
from penstock.errors import FieldError, Invalid
from penstock.executions.progress import usage_body
from penstock.server.answers import answer
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, ref
from penstock.storage.usage_days import Group, Period

router = APIRouter(tags=["compute units"])
Reader = Annotated[Call, needs("usage:read")]
Day = Annotated[str | None, Query(pattern=r"^\d{4}-\d{2}-\d{2}$", description="A day in UTC, such as 2026-11-21.")]
By = Annotated[
    str, Query(max_length=60, description="What to group by: one or more of day, kind, key, model, project, by commas.")
]

_GROUPS: tuple[Group, ...] = get_args(Group)
_FIRST = date(1970, 1, 1)
_LAST_DAY = (date.max - _FIRST).days
_USUAL = timedelta(days=29)


class KeyOrProject(msgspec.Struct, kw_only=True):
    """A key or a project; its name is null when it is gone."""

    id: str
    name: str | None


class UsageGroup(msgspec.Struct, rename="camel", kw_only=True):
    """What a group used; it has the members it is grouped by. `key` is null where no key started the work, `model`
    where nobody noted it. `unpricedCalls` above 0 makes the cost a lower bound."""

    executions: int
    model_calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: str
    unpriced_calls: int
    ecu: str
    day: str | msgspec.UnsetType = msgspec.UNSET
    kind: str | msgspec.UnsetType = msgspec.UNSET
    key: KeyOrProject | msgspec.UnsetType | None = msgspec.UNSET
    model: str | msgspec.UnsetType | None = msgspec.UNSET
    project: KeyOrProject | msgspec.UnsetType = msgspec.UNSET


class UsagePage(msgspec.Struct, rename="camel", kw_only=True):
    """A page of groups in their order, and the sum of all there are."""

    first_day: str
    last_day: str
    total: UsageGroup
    data: list[UsageGroup]
    next_cursor: str | None


SCHEMAS = (UsagePage, UsageGroup, KeyOrProject)


@router.get("/usage", **doc("Report what was used", returns=ref(UsagePage), problems=(400, 401, 403)))
async def report_usage(
    call: Reader,
    by: By = "day",
    first: Annotated[Day, Query(alias="from")] = None,
    last: Annotated[Day, Query(alias="to")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """Of the project, both days included, by default the last 30. An execution counts on the day it ends.

    By `project` it is the whole organization's, for keys with the scope `admin`.
    """
    groups = _groups(by)
    if "project" in groups:
        call.principal.require(ADMIN)
    period = _period(first, last)
    reports = call.engine.compute_units.reports
    found = await reports.report(call.tenant, period, groups, _after(cursor, groups), limit)
    return answer(
        UsagePage(
            first_day=_day(period.first_day),
            last_day=_day(period.last_day),
            total=_group(found.total, (), found),
            data=[_group(row, groups, found) for row in found.rows],
            next_cursor=msgspec.json.encode(found.rows[-1].values).decode() if found.more else None,
        )
    )


def _groups(by: str) -> tuple[Group, ...]:
    chosen = by.split(",")
    found = tuple(group for name in chosen for group in _GROUPS if group == name)
    if len(found) != len(chosen) or len(set(found)) != len(found):
        detail = f"by is one or more of {', '.join(_GROUPS)}, each once, with commas between them."
        raise Invalid("parameters_invalid", detail, errors=(FieldError("by", detail),))
    return found


def _period(first: str | None, last: str | None) -> Period:
    end = datetime.now(UTC).date() if last is None else _parsed("to", last)
    start = max(_FIRST, end - _USUAL) if first is None else _parsed("from", first)
    if start > end:
        detail = "from comes before to, or is the same day."
        raise Invalid("parameters_invalid", detail, errors=(FieldError("from", detail),))
    return Period((start - _FIRST).days, (end - _FIRST).days)


def _parsed(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        detail = f"{text!r} is no day; write it as 2026-11-21."
        raise Invalid("parameters_invalid", detail, errors=(FieldError(name, detail),)) from None


def _after(cursor: str | None, groups: tuple[Group, ...]) -> list[Any] | None:
    """The values of the last group of the page before."""
    if cursor is None:
        return None
    try:
        values = msgspec.json.decode(cursor, type=list[int | str])
    except msgspec.DecodeError:
        values = []
    fitting = len(values) == len(groups) and all(
        (isinstance(value, int) and 0 <= value <= _LAST_DAY) if group == "day" else isinstance(value, str)
        for value, group in zip(values, groups, strict=True)
    )
    if not fitting:
        detail = "This cursor was not made here; take nextCursor of the page before, with the same by."
        raise Invalid("cursor_invalid", detail, errors=(FieldError("cursor", detail),))
    return values


def _group(row: UsageRow, groups: tuple[Group, ...], found: UsageReport) -> UsageGroup:
    made: dict[str, Any] = {}
    for group, value in zip(groups, row.values, strict=True):
        match group:
            case "day":
                made[group] = _day(value)
            case "kind":
                made[group] = value
            case "model":
                made[group] = value or None
            case "key" | "project":
                made[group] = KeyOrProject(id=value, name=found.names.get(value)) if value else None
    return msgspec.convert({"executions": row.executions, **usage_body(row.usage), **made}, UsageGroup)


def _day(number: int) -> str:
    return (_FIRST + timedelta(days=number)).isoformat()
