"""`penstock judges pairwise`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from penstock.cli.arguments import NameType, budget_of, budget_options
from penstock.cli.connect import Place
from penstock.cli.follow import end_of, exit_code, show_handle
from penstock.cli.inputs import InputFileType
from penstock.cli.output import note, plain, show_json, show_table
from penstock.cli.session import STILL_RUNNING, Session, session_command
from penstock.client.judge_objects import PairwiseEvaluation, Rate


def _check(place: Place, options: Mapping[str, Any]) -> None:
    pair, content = options["pair"], options["content"]
    if (len(pair) != 2) if content is None else bool(pair):
        raise click.UsageError("name two evaluations (or, with --traces, two traces), or give a --file of pairs")
    if not all(isinstance(one, dict) and {"a", "b"} <= one.keys() for one in _listed(content)):
        raise click.UsageError('--file holds something that is no pair; each is an object with "a" and "b"')
    if options["in_background"] and place.embedded:
        raise click.UsageError("--async needs a server that goes on after this command: set PENSTOCK_URL")


@click.command()
@click.argument("judge", metavar="JUDGE", type=NameType())
@click.argument("pair", metavar="[A B]", nargs=-1, type=NameType())
@click.option("--traces", is_flag=True, help="A and B are traces; without it they are evaluations.")
@click.option("--file", "content", type=InputFileType(), help='JSON or YAML: a list of {"a", "b"}, each two traces.')
@click.option("--sample", type=click.IntRange(min=1), help="So many of the pairs, chosen at random.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Decides order and sample.")
@budget_options
@click.option("--async", "in_background", is_flag=True, help="Do not wait for the end.")
@session_command(worker=True, check=_check)
async def pairwise(session: Session, /, judge: str, pair: tuple[str, ...], **options: Any) -> int | None:
    """Have a judge say which of two is better: of traces, or of two evaluations' answers."""
    content = options["content"]
    traces = [(one["a"], one["b"]) for one in _listed(content)]
    if options["traces"] and pair:
        traces = [(pair[0], pair[1])]
    sample = {"seed": options["seed"], "count": options["sample"]}
    wanted = {
        "sample": {name: value for name, value in sample.items() if value is not None},
        "budget": budget_of(options),
    }
    started = await session.client.pairwise_evaluations.create(
        judge,
        traces=traces,
        evaluations=None if traces else pair,
        options={name: value for name, value in wanted.items() if value is not None},
    )
    if options["in_background"]:
        show_handle(session, started)
        return None
    final = await end_of(session, started, None)
    if final is None:
        return STILL_RUNNING
    _show(session, await started.summary())
    note(f"{final.status}; each pair: penstock executions results {started.id}{session.place.flags()}")
    return exit_code(final)


def _show(session: Session, made: PairwiseEvaluation) -> None:
    if session.as_json:
        show_json(made.to_dict())
        return
    sides = made.evaluations or ("A", "B")
    rows = [
        (plain(sides[0]), made.wins["a"], made.shown_first["a"]),
        (plain(sides[1]), made.wins["b"], made.shown_first["b"]),
        ("tie", made.wins["ties"], ""),
    ]
    show_table(["side", "better", "shown first"], rows)
    click.echo(f"A is better: {_rate(made.win_rate)}, of {made.scored:,} of {made.expected:,} pairs")
    click.echo(f"the one shown first is better: {_rate(made.first_rate)}, of {made.first_rate.n:,} without ties")


def _rate(rate: Rate) -> str:
    if rate.mean is None:
        return "none"
    return f"{rate.mean:.3f}" + ("" if rate.low is None else f" [{rate.low:.3f}, {rate.high:.3f}]")


def _listed(content: Any) -> list[Any]:
    if content is None:
        return []
    return content if isinstance(content, list) else [content]
