"""`penstock usage`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from penstock.cli.output import note, plain, show_json, show_table
from penstock.cli.session import Session, session_command

if TYPE_CHECKING:
    from penstock.client.usage_objects import ComputeUnitBalance, UsageGroup, UsageGroupName, UsageReport

_GROUPS = ("day", "kind", "key", "model", "project")
_AMOUNTS = ("executions", "calls", "tokens", "USD", "ECU")
_UNITS = {"d": 1, "w": 7}


class SinceType(click.ParamType[date]):
    """A day, or a time back from today such as `7d` or `4w`; becomes a date."""

    name = "since"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """The first day that is meant, in UTC."""
        number, unit = str(value)[:-1], str(value)[-1:]
        try:
            if unit in _UNITS and number.isascii() and number.isdigit():
                return datetime.now(UTC).date() - timedelta(days=int(number) * _UNITS[unit] - 1)
            return date.fromisoformat(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no day and no range: write 2026-11-21, 7d or 4w", param, ctx)


@click.command()
@click.option(
    "--by",
    "groups",
    multiple=True,
    type=click.Choice(_GROUPS),
    help="What to group by, day by default; may be repeated. project: the whole organization.",
)
@click.option("--since", type=SinceType(), metavar="DAY|RANGE", help="2026-11-21, 7d or 4w; 30d by default.")
@click.option("--format", "layout", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@session_command()
async def usage(session: Session, groups: tuple[UsageGroupName, ...], since: date | None, layout: str) -> None:
    """Show what was used: calls, tokens, dollars, compute units.

    Counts executions that are over, each on the day (UTC) it ended.
    """
    by: tuple[UsageGroupName, ...] = groups or ("day",)
    report = await session.client.usage.report(*by, since=since)
    if session.as_json or layout == "json":
        show_json(report.to_dict())
    elif layout == "csv":
        _write_csv(by, report)
    else:
        _show(by, report)
        _show_balance(await session.client.usage.balance())


def _show(by: Sequence[str], report: UsageReport) -> None:
    rows = [[*_values(by, group), *_amounts(group)] for group in report.data]
    if not rows:
        note(f"Nothing ended between {report.first_day} and {report.last_day} (UTC).")
        return
    total = ["total", *("" for _ in by[1:]), *_amounts(report.total)]
    show_table([*by, *_AMOUNTS], [*rows, total], title=f"{report.first_day} to {report.last_day} (UTC)")
    if report.total.unpriced_calls:
        note(f"≥ The price of {report.total.unpriced_calls:,} calls is not known; they cost more than is shown.")


def _show_balance(balance: ComputeUnitBalance) -> None:
    if balance.limited:
        held = f"{balance.balance} less {balance.reserved} that running work holds"
        note(f"{balance.available} ECU are available: {held}.")


def _values(by: Sequence[str], group: UsageGroup) -> list[str]:
    found = group.to_dict()
    return [_named(found.get(name)) for name in by]


def _named(value: Any) -> str:
    if isinstance(value, dict):
        return plain(value.get("name") or value["id"])
    return "-" if value is None else plain(value)


def _amounts(group: UsageGroup) -> list[str]:
    cost = f"≥ {group.cost_usd}" if group.unpriced_calls else group.cost_usd
    tokens = group.input_tokens + group.output_tokens
    return [f"{group.executions:,}", f"{group.model_calls:,}", f"{tokens:,}", cost, group.ecu]


def _write_csv(by: Sequence[str], report: UsageReport) -> None:
    """Numbers as programs read them; a name that looks like a formula is written so that no spreadsheet runs it."""
    amounts = ("executions", "modelCalls", "inputTokens", "outputTokens", "costUsd", "unpricedCalls", "ecu")
    writer = csv.writer(sys.stdout)
    writer.writerow([*by, *amounts])
    for group in report.data:
        found = group.to_dict()
        names = [f"'{name}" if name[:1] in "=+@" else name for name in _values(by, group)]
        writer.writerow([*names, *(found[amount] for amount in amounts)])
