"""`penstock units`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click
import msgspec

from penstock.cli.output import note, plain, show_json, show_records, show_table
from penstock.cli.session import Session, session_command

if TYPE_CHECKING:
    from penstock.client.usage_objects import ComputeUnitBalance, ComputeUnitRates

_RATES = ("inference", "judge", "trace_evaluation", "metric", "usd", "million_tokens")


@click.group()
def units() -> None:
    """Grant compute units, and say what things take.

    `penstock usage` shows what was used.
    """


@units.command()
@session_command()
async def balance(session: Session) -> None:
    """Show what the organization has left."""
    _show_balance(session, await session.client.usage.balance())


@units.command(context_settings={"ignore_unknown_options": True})
@click.argument("amount", metavar="ECU")
@click.option("--note", "why", help="What it is for; it stands in the ledger.")
@click.option("--correct", is_flag=True, help="Correct the balance by it, up or down; no grant that makes it a limit.")
@click.option("--idempotency-key", metavar="KEY", help="Given once under this key, however often it is sent.")
@session_command()
async def grant(session: Session, amount: str, why: str | None, correct: bool, idempotency_key: str | None) -> None:
    """Give the organization so many units. From the first grant on the balance is a limit."""
    kind: Literal["grant", "adjustment"] = "adjustment" if correct else "grant"
    await session.client.usage.grant(amount, kind=kind, note=why, idempotency_key=idempotency_key)
    _show_balance(session, await session.client.usage.balance())


@units.command()
@click.argument("choice", type=click.Choice(["on", "off"]))
@session_command()
async def limit(session: Session, choice: str) -> None:
    """Let the balance be a limit, or not; it is counted either way."""
    _show_balance(session, await session.client.usage.limit(limited=choice == "on"))


@units.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="So many lines.")
@session_command()
async def ledger(session: Session, limit: int) -> None:
    """List what was granted, reserved and settled, newest first."""
    entries = [entry async for entry in session.client.usage.entries(limit=limit)]
    columns = {
        "at": "at",
        "what": "kind",
        "balance": "balance",
        "reserved": "reserved",
        "used": "used",
        "execution": "execution_id",
        "note": "note",
    }
    show_records(entries, columns, as_json=session.as_json, none="Nothing was granted, reserved or settled yet.")


@units.command()
@click.option("--version", type=click.IntRange(0), help="As they were in this version.")
@click.option("--inference", metavar="ECU", help="Of a call of a model.")
@click.option("--judge", metavar="ECU", help="Of a call of a judge.")
@click.option("--trace-evaluation", metavar="ECU", help="Of a judge on a trace.")
@click.option("--metric", metavar="ECU", help="Of a metric call of an optimization.")
@click.option("--usd", metavar="ECU", help="Of a dollar of a model that the operator pays for.")
@click.option("--million-tokens", metavar="ECU", help="Of a million tokens of such a model without a known price.")
@session_command()
async def rates(session: Session, /, version: int | None, **given: str | None) -> None:
    """Show what things take in compute units, or change it for what is submitted from now on."""
    found = await session.client.usage.rates(version)
    wanted = {name: value for name, value in given.items() if value is not None}
    if wanted:
        found = await session.client.usage.set_rates(msgspec.structs.replace(found, **wanted))
    _show_rates(session, found)


def _show_balance(session: Session, found: ComputeUnitBalance) -> None:
    if session.as_json:
        show_json(found.to_dict())
        return
    if not found.limited:
        note("Nothing is limited: what is used is counted, and taken from nothing.")
        return
    amounts = {"balance": found.balance, "reserved": found.reserved, "available": found.available}
    show_table(["", "ECU"], [[name, plain(amount)] for name, amount in amounts.items()])


def _show_rates(session: Session, found: ComputeUnitRates) -> None:
    if session.as_json:
        show_json(found.to_dict())
        return
    rows = [[name.replace("_", " "), plain(getattr(found, name))] for name in _RATES]
    show_table(["rate", "ECU"], rows, title=f"Version {found.version}")
