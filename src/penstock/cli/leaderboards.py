"""`penstock leaderboards`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import click

from penstock.cli.arguments import NameType
from penstock.cli.output import note, plain, show_json, show_records, show_table
from penstock.cli.session import Session, session_command

if TYPE_CHECKING:
    from penstock.client.evaluation_objects import LeaderboardEntry, LeaderboardTable

_COLUMNS = {"slug": "slug", "name": "name", "visibility": "visibility", "owner": "owner", "id": "id"}
_board = click.argument("leaderboard", type=NameType())


@click.group()
def leaderboards() -> None:
    """Rank models by what was evaluated."""


@leaderboards.command("list")
@session_command()
async def list_leaderboards(session: Session) -> None:
    """List the leaderboards this project may see, its own first."""
    found = [board async for board in session.client.leaderboards.list()]
    none = "No leaderboards yet: penstock leaderboards create NAME"
    show_records(found, _COLUMNS, as_json=session.as_json, none=none)


@leaderboards.command()
@_board
@session_command()
async def show(session: Session, leaderboard: str) -> None:
    """Show the rankings: for each benchmark and scorer the newest evaluation of each model."""
    found = await session.client.leaderboards.get(leaderboard)
    tables = await session.client.leaderboards.entries(found.id)
    if session.as_json:
        show_json({**found.to_dict(), "tables": [table.to_dict() for table in tables]})
        return
    if not tables:
        note(f"{plain(found.name)} ranks nothing yet: no completed evaluation passes its filters.")
    for table in tables:
        _show(table)
    if any(entry.same_as_above for table in tables for entry in table.entries):
        note("= the rows do not tell it from the one above")


@leaderboards.command()
@click.argument("name", type=NameType())
@click.option("--slug", metavar="WORD", help="Its name in URLs; made of the name.")
@click.option("--description", default="", metavar="TEXT", help="At most 500 characters.")
@click.option("--visibility", type=click.Choice(["private", "tenant", "public"]), default="private", show_default=True)
@click.option("--model", "models", multiple=True, metavar="M", help="Only this model; may be repeated.")
@click.option("--vendor", "vendors", multiple=True, metavar="V", help="Only models of this vendor; may be repeated.")
@click.option("--benchmark", "benchmarks", multiple=True, metavar="B", help="Only this benchmark; may be repeated.")
@click.option("--category", "categories", multiple=True, metavar="C", help="Only such benchmarks; may be repeated.")
@session_command()
async def create(session: Session, /, name: str, **options: Any) -> None:
    """Make a leaderboard of what the project has evaluated, and will."""
    visibility: Literal["private", "tenant", "public"] = options["visibility"]
    made = await session.client.leaderboards.create(
        name,
        slug=options["slug"],
        description=options["description"],
        visibility=visibility,
        filters={
            "models": {"ids": options["models"], "vendors": options["vendors"]},
            "benchmarks": {"ids": options["benchmarks"], "categories": options["categories"]},
        },
    )
    if session.as_json:
        show_json(made.to_dict())
    else:
        click.echo(f"{made.slug} ({made.id})")


@leaderboards.command()
@_board
@session_command()
async def delete(session: Session, leaderboard: str) -> None:
    """Delete a leaderboard. The evaluations stay."""
    await session.client.leaderboards.delete(leaderboard)


def _show(table: LeaderboardTable) -> None:
    asked = f", each asked {table.epochs} times" if table.epochs > 1 else ""
    title = f"{plain(table.benchmark.key)}, {plain(table.scorer)}: {table.rows:,} rows{asked}"
    rows = [_row(entry) for entry in table.entries]
    show_table(["", "model", "mean", "95 % interval", "scored", "evaluation"], rows, title=title)


def _row(entry: LeaderboardEntry) -> tuple[object, ...]:
    has_interval = entry.low is not None and entry.high is not None
    return (
        f"{entry.rank}{' =' if entry.same_as_above else ''}",
        entry.model,
        f"{entry.mean:.4f}",
        f"{entry.low:.4f} to {entry.high:.4f}" if has_interval else "too few rows",
        f"{entry.n:,} of {entry.expected:,}",
        entry.evaluation_id,
    )
