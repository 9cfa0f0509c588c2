"""`penstock eval compare`, `penstock eval plot` and `penstock eval power`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from penstock.cli.arguments import NameType
from penstock.cli.output import note, plain, show_json, show_records, show_table
from penstock.cli.session import Session, session_command
from penstock.client.comparison_objects import (
    Compared,
    ComparedAnswer,
    ComparedOutcome,
    ComparedRow,
    Comparison,
    Picture,
)

_OUTCOMES = click.Choice(["both_succeed", "both_fail", "reference_fails", "comparison_fails"])
_scorer = click.option("--scorer", metavar="NAME", help="By this scorer; the first evaluation's first by default.")
_SUBSETS_SHOWN = 20
_ROW_COLUMNS = ("row", "outcome", "input", "truth", "reference", "comparison")


@click.command()
@click.argument("ids", metavar="REFERENCE OTHER...", nargs=-1, required=True, type=NameType())
@_scorer
@click.option("--level", type=click.FloatRange(0.5, 1, min_open=True, max_open=True), default=0.95, show_default=True)
@click.option("--rows", "outcome", type=_OUTCOMES, help="Show the rows that came out so, with both answers.")
@click.option("--search", metavar="TEXT", help="Show the rows with this text in input, truth or an answer.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="So many rows.")
@session_command()
async def compare(session: Session, /, ids: tuple[str, ...], **options: Any) -> None:
    """Hold evaluations against the first one, on the rows that they share.

    With --rows or --search, two evaluations' answers beside each other.
    """
    if len(ids) < 2:
        raise click.UsageError("give two evaluations or more")
    if options["outcome"] is None and options["search"] is None:
        found = await session.client.comparisons.compare(*ids, scorer=options["scorer"], level=options["level"])
        _show(session, found)
        return
    if len(ids) > 2:
        raise click.UsageError("--rows and --search are for two evaluations")
    await _show_rows(session, ids[0], ids[1], options)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=NameType())
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The SVG file.")
@click.option(
    "--show",
    type=click.Choice(["accuracy", "difference", "outcomes"]),
    default="difference",
    show_default=True,
    help="Of several evaluations: each one's mean, the differences from the first, or rows by outcome.",
)
@_scorer
@session_command()
async def plot(session: Session, /, ids: tuple[str, ...], output: Path, show: Picture, scorer: str | None) -> None:
    """Draw an evaluation's scores, or several evaluations beside each other, as SVG."""
    size = await session.client.comparisons.save_plot(output, *ids, show=show, scorer=scorer)
    if session.as_json:
        show_json({"file": str(output), "bytes": size})
    else:
        note(f"Written to {output}.")


@click.command()
@click.argument("n", metavar="ROWS", type=click.IntRange(min=1))
@click.option("--accuracy", "p", type=click.FloatRange(0, 1), help="The accuracy that is expected; 0.5 by default.")
@click.option("--correlation", type=click.FloatRange(-1, 1), help="Of both sides' scores on a row; 0 by default.")
@click.option("--discordance", type=click.FloatRange(0, 1), help="Or: the share of rows on which they will differ.")
@click.option("--difference", type=float, help="Say how many rows show this difference.")
@session_command()
async def power(session: Session, /, n: int, **given: float | None) -> None:
    """Say which difference so many ROWS can show, before a run."""
    found = await session.client.comparisons.detectable(n, **given)
    if session.as_json:
        show_json(found.to_dict())
        return
    click.echo(
        f"{found.n:,} rows show a difference of {found.minimum_detectable:.4f} or more "
        f"with a chance of {found.power:.0%} (α = {found.alpha:g})."
    )
    if found.difference and found.rows_needed is None:
        click.echo(f"A difference of {found.difference:g} takes more rows than anybody has.")
    elif found.rows_needed is not None:
        click.echo(f"A difference of {found.difference:g} takes {found.rows_needed:,} rows.")


def _show(session: Session, found: Comparison) -> None:
    if session.as_json:
        show_json(found.to_dict())
        return
    names = {side.evaluation_id: side.name for side in found.sides}
    columns = ["evaluation", "mean", f"{found.level:.0%} interval", "scored"]
    rows = [(side.name, _number(side.mean), _span(side.low, side.high), f"{side.n:,}") for side in found.sides]
    show_table(columns, rows, title=f"{plain(found.scorer)} on {plain(found.pairs[0].benchmark.key)}")
    columns = ["difference from the first", "", f"{found.level:.0%} interval", "p", "wins", "losses", "verdict"]
    show_table(columns, [_line(names[pair.comparison], pair.whole) for pair in found.pairs])
    for pair in found.pairs:
        if len(pair.subsets) > 1:
            columns[0] = f"{plain(names[pair.comparison])}, by subset"
            show_table(columns, [_line(name, one) for name, one in [*pair.subsets.items()][:_SUBSETS_SHOWN]])
        left_out = pair.unpaired.reference_only + pair.unpaired.comparison_only
        if left_out:
            effect = "" if pair.unpaired.effect is None else f"; they would change it by {pair.unpaired.effect:+.4f}"
            note(f"{plain(names[pair.comparison])}: {left_out:,} rows that only one side has are left out{effect}.")
    if len(found.pairs) > 1:
        note(f"The p-values take into account that there are {len(found.pairs)} comparisons (Holm).")


def _line(name: str, one: Compared) -> tuple[str, ...]:
    outcomes = one.outcomes
    p = "none" if one.adjusted_p is None else "< 0.001" if one.adjusted_p < 0.001 else f"{one.adjusted_p:.3f}"
    return (
        name,
        "none" if one.difference is None else f"{one.difference:+.4f}",
        _span(one.low, one.high, sign="+"),
        p,
        f"{outcomes.reference_fails:,}",
        f"{outcomes.comparison_fails:,}",
        one.text,
    )


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"


def _span(low: float | None, high: float | None, sign: str = "") -> str:
    return "none" if low is None or high is None else f"{low:{sign}.4f} to {high:{sign}.4f}"


async def _show_rows(session: Session, reference: str, comparison: str, options: dict[str, Any]) -> None:
    outcome: ComparedOutcome | None = options["outcome"]
    rows = session.client.comparisons.rows(
        reference,
        comparison,
        outcome=outcome,
        search=options["search"],
        scorer=options["scorer"],
        limit=options["limit"],
    )
    found = [row async for row in rows]
    if session.as_json or not found:
        show_records(found, {}, as_json=session.as_json, none="There are no such rows.")
        return
    show_table(_ROW_COLUMNS, [_cells(row) for row in found])


def _cells(row: ComparedRow) -> tuple[object, ...]:
    return row.row_id, row.outcome, row.input, row.truth, _answers(row.reference), _answers(row.comparison)


def _answers(answers: tuple[ComparedAnswer, ...]) -> object:
    """The first epoch's, and how many more there are."""
    if not answers:
        return None
    more = f" (and {len(answers) - 1} more)" if len(answers) > 1 else ""
    return f"{plain(answers[0].output)}{more}"
