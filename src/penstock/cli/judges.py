"""`penstock judges`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from penstock.cli.annotations import agreement, standing
from penstock.cli.arguments import NameType, budget_of, budget_options
from penstock.cli.connect import Place
from penstock.cli.follow import end_of, exit_code, show_handle
from penstock.cli.inputs import InputFileType
from penstock.cli.output import note, plain, plain_lines, show_json, show_records, show_table
from penstock.cli.pairwise import pairwise
from penstock.cli.session import GATE_NOT_MET, STILL_RUNNING, Session, session_command
from penstock.client.judge_objects import Judge, JudgeSummary, Outcome, Rate

_name = click.argument("judge", metavar="JUDGE", type=NameType())
_OUTCOMES = click.Choice(["pass", "fail", "unscorable", "error"])
_COLUMNS = {"name": "name", "version": "version", "model": "model", "runs": "run_count", "id": "id"}


@click.group()
def judges() -> None:
    """Let models judge traces and answers: make, change and run judges."""


judges.add_command(agreement)
judges.add_command(pairwise)


@judges.command("list")
@click.option("--ready-made", is_flag=True, help="Those that come with Penstock.")
@session_command()
async def list_judges(session: Session, ready_made: bool) -> None:
    """List the project's judges, or those that come with Penstock."""
    client = session.client.judges
    found = [judge async for judge in (client.ready_made() if ready_made else client.list())]
    columns = {"name": "name", "title": "title", "description": "description"} if ready_made else _COLUMNS
    none = "No judges yet; those that come along: penstock judges list --ready-made"
    show_records(found, columns, as_json=session.as_json, none=none)


@judges.command()
@_name
@session_command()
async def show(session: Session, judge: str) -> None:
    """Show what a judge is told, and what it may answer."""
    found = await session.client.judges.get(judge)
    if session.as_json:
        show_json(found.to_dict())
        return
    facts = {
        "judge": f"{found.name} ({found.id}), version {found.version}",
        "model": found.model or "the project's default judge",
        "output": found.output,
        "threshold": found.threshold,
        "turns": found.turns,
        "agreement": standing(found.agreement),
    }
    for name, value in facts.items():
        click.echo(f"{name:11}{plain(value)}")
    for text in (found.evaluation_goal, found.rubric):
        if text:
            click.echo(f"\n{plain_lines(text)}")


@judges.command()
@click.argument("name", type=NameType())
@click.option("--goal", required=True, help="What it is to look for.")
@click.option("--rubric", help="How it is to decide.")
@click.option("--model", help="Who judges: provider/name, or a saved model.")
@click.option("--output", help='What it may answer: "binary" (by default), or "scale" (1 to 5).')
@click.option("--threshold", type=click.FloatRange(0, 1), help="A score at or above it passes; 0.5.")
@click.option("--turns", type=click.IntRange(min=1), help="How many it may take over a long trace; 10.")
@session_command()
async def create(session: Session, /, name: str, goal: str, **options: Any) -> None:
    """Make a judge."""
    made = await session.client.judges.create(name, goal, _given(options))
    _say(session, made, "made")


@judges.command()
@_name
@click.option("--goal", help="What it is to look for.")
@click.option("--rubric", help="How it is to decide.")
@click.option("--model", help="Who judges.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="A score at or above it passes.")
@click.option("--file", "content", type=InputFileType(), help="JSON or YAML of any of its members.")
@session_command()
async def update(session: Session, /, judge: str, goal: str | None, content: Any, **options: Any) -> None:
    """Change a judge; what is different makes a new version."""
    if isinstance(content, list):
        raise click.UsageError("--file holds a list; give one object")
    changes = {**(content or {}), **_given({"evaluationGoal": goal, **options})}
    _say(session, await session.client.judges.update(judge, changes), "changed")


@judges.command()
@_name
@session_command()
async def delete(session: Session, judge: str) -> None:
    """Delete a judge. What it has said stays."""
    await session.client.judges.delete(judge)


def _check_run(place: Place, options: Mapping[str, Any]) -> None:
    if bool(options["traces"]) == (options["content"] is not None):
        raise click.UsageError("name traces, or give a --filter, and not both")
    if options["in_background"] and place.embedded:
        raise click.UsageError("--async needs a server that goes on after this command: set PENSTOCK_URL")


@judges.command()
@_name
@click.argument("traces", metavar="TRACE", nargs=-1, type=NameType())
@click.option("--also", multiple=True, metavar="JUDGE", help="One more judge; may be repeated.")
@click.option("--filter", "content", type=InputFileType(), help="JSON or YAML that says which traces.")
@click.option("--sample", type=click.IntRange(min=1), help="So many of them, chosen at random.")
@click.option("--fail-under", type=click.FloatRange(0, 1), help="End with 4 when a smaller share passes.")
@budget_options
@click.option("--async", "in_background", is_flag=True, help="Do not wait for the end.")
@session_command(worker=True, check=_check_run)
async def run(session: Session, /, judge: str, traces: tuple[str, ...], **options: Any) -> int | None:
    """Have a judge, or several, judge traces, and show how many pass."""
    least = options["fail_under"]
    wanted = {
        "filter": options["content"],
        "sample": None if options["sample"] is None else {"count": options["sample"]},
        "thresholds": None if least is None else [{"passRate": least}],
        "budget": budget_of(options),
    }
    started = await session.client.trace_evaluations.create([judge, *options["also"]], traces, _given(wanted))
    if options["in_background"]:
        show_handle(session, started)
        return None
    final = await end_of(session, started, None)
    if final is None:
        return STILL_RUNNING
    made = await started.summary()
    _show_summaries(session, made)
    note(f"{final.status}; each verdict: penstock judges verdicts --execution {started.id}{session.place.flags()}")
    missed = least is not None and any(one.pass_rate.mean is None or one.pass_rate.mean < least for one in made)
    return GATE_NOT_MET if missed else exit_code(final)


@judges.command()
@click.option("--judge", metavar="J", help="Of this judge, by id or name.")
@click.option("--trace", metavar="ID", help="Of this trace.")
@click.option("--execution", metavar="ID", help="Of this run.")
@click.option("--outcome", type=_OUTCOMES)
@click.option("--search", metavar="TEXT", help="In reasoning, and names of traces and judges.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@session_command()
async def verdicts(session: Session, /, outcome: Outcome | None, **options: Any) -> None:
    """List what judges said of traces, the newest first."""
    found = [one async for one in session.client.trace_evaluations.list(outcome=outcome, **options)]
    if session.as_json:
        show_json([one.to_dict() for one in found])
    elif not found:
        note("No verdicts yet: penstock judges run JUDGE TRACE")
    else:
        rows = [(one.id, one.trace_name, one.judge.get("name"), _said(one), one.reasoning) for one in found]
        show_table(["id", "trace", "judge", "verdict", "reasoning"], rows)


@judges.command()
@click.option("--judge", metavar="J", help="Of this judge, by id or name.")
@click.option("--execution", metavar="ID", help="Of this run.")
@session_command()
async def summary(session: Session, judge: str | None, execution: str | None) -> None:
    """Show how many traces pass, by judge and version."""
    _show_summaries(session, await session.client.trace_evaluations.summary(judge=judge, execution=execution))


def _show_summaries(session: Session, made: tuple[JudgeSummary, ...]) -> None:
    if session.as_json:
        show_json([one.to_dict() for one in made])
        return
    if not made:
        note("No verdicts yet: penstock judges run JUDGE TRACE")
        return
    rows = [
        (
            f"{one.judge['name']} (version {one.judge['version']})",
            _rate(one.pass_rate),
            _rate(one.score),
            f"{one.scored:,} of {one.expected:,}",
            standing(one.agreement),
        )
        for one in made
    ]
    show_table(["judge", "pass", "score", "verdicts", "agreement with people"], rows)


def _rate(rate: Rate) -> str:
    if rate.mean is None:
        return "none"
    return f"{rate.mean:.3f}" + ("" if rate.low is None else f" [{rate.low:.3f}, {rate.high:.3f}]")


def _said(one: Any) -> str:
    return one.status if one.score is None else f"{'pass' if one.passed else 'fail'} {one.score:g}"


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _say(session: Session, judge: Judge, what: str) -> None:
    if session.as_json:
        show_json(judge.to_dict())
    else:
        click.echo(f"{plain(judge.name)} is {what}, version {judge.version} ({judge.id})")
