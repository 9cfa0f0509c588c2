"""`penstock optimizations`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from penstock.cli.arguments import NameType, budget_of, budget_options
from penstock.cli.connect import Place
from penstock.cli.follow import end_of, exit_code, show_handle
from penstock.cli.inputs import InputFileType
from penstock.cli.optimization_output import show_candidates, show_estimate, show_optimization
from penstock.cli.output import note, plain, show_json, show_table
from penstock.cli.session import STILL_RUNNING, Session, session_command

F = TypeVar("F", bound=Callable[..., Any])

_id = click.argument("optimization", metavar="OPTIMIZATION", type=NameType())
_NAMED = ("light", "medium", "heavy")
_BODY = {
    "benchmark": "benchmark",
    "dataset": "dataset",
    "truth": "truth",
    "part": "part",
    "model": "model",
    "budget": "budget",
    "reflection_model": "reflectionModel",
    "seed": "seed",
}
"""Flags, and what they are called in a request."""


class CallsType(click.ParamType[str | int]):
    """`light`, `medium`, `heavy`, or a number of metric calls."""

    name = "budget"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | int:
        """The word, or the number."""
        if value in _NAMED:
            return str(value)
        try:
            calls = int(value)
        except ValueError:
            self.fail(f"{value!r} is none of {', '.join(_NAMED)}, and no number", param, ctx)
        if calls < 1:
            self.fail("it must be at least 1", param, ctx)
        return calls


def _work_options(command: F) -> F:
    """What is optimized, and how."""
    for option in (
        click.option("--seed", type=click.IntRange(min=0), help="The same one splits and samples alike; 0."),
        click.option("--reflection-model", metavar="MODEL", help="Who proposes instructions."),
        click.option("--budget", type=CallsType(), help="light (300), medium (750), heavy (2,000), or metric calls."),
        click.option("--model", help="Who answers the prompt; its own model by default."),
        click.option("--part", metavar="PATH", help="Which text of the prompt: system, prompt, messages[0].content."),
        click.option("--scorer-file", "scorer_content", type=InputFileType(), help="JSON or YAML of a scorer."),
        click.option("--scorer", help="What an answer to the prompt is worth: a type, or a saved one; exact."),
        click.option("--truth", metavar="COLUMN", help="The column of the data set that holds the truth."),
        click.option("--dataset", type=NameType(), help="The prompt against a data set."),
        click.option("--benchmark", type=NameType(), help="The prompt against a benchmark."),
        click.option("--version", type=click.IntRange(min=1), help="Of the judge or prompt; the latest by default."),
        click.option("--prompt", type=NameType(), help="A saved prompt in the place of a judge."),
        click.argument("judge", metavar="[JUDGE]", required=False, type=NameType()),
    ):
        command = option(command)
    return command


@click.group()
def optimizations() -> None:
    """Find better instructions for judges and prompts, against what people labelled."""


def _check(place: Place, options: Mapping[str, Any]) -> None:
    if (options["judge"] is None) == (options["prompt"] is None):
        raise click.UsageError("name a judge, or a prompt with --prompt, and not both")
    if options["prompt"] is not None and (options["benchmark"] is None) == (options["dataset"] is None):
        raise click.UsageError("say against what: --benchmark, or --dataset with --truth")
    if options["scorer"] is not None and options["scorer_content"] is not None:
        raise click.UsageError("give either --scorer or --scorer-file")
    if options.get("in_background") and place.embedded:
        raise click.UsageError("--async needs a server that goes on after this command: set PENSTOCK_URL")


@optimizations.command()
@_work_options
@session_command(check=_check)
async def estimate(session: Session, /, judge: str | None, prompt: str | None, **options: Any) -> None:
    """Show the most that an optimization would take. Nothing is started."""
    wanted = _wanted(prompt, options)
    found = await session.client.optimizations.estimate(judge, prompt=prompt, options=wanted)
    if session.as_json:
        show_json(found.to_dict())
    else:
        show_estimate(found)


@optimizations.command()
@_work_options
@budget_options
@click.option("--async", "in_background", is_flag=True, help="Do not wait for the end.")
@session_command(worker=True, check=_check)
async def run(session: Session, /, judge: str | None, prompt: str | None, **options: Any) -> int | None:
    """Optimize a judge against its labels, or a prompt against rows, and show what came of it.

    `--budget` counts verdicts and answers that are scored; the other budgets limit what all calls may cost.
    """
    wanted = _wanted(prompt, options)
    limits = budget_of(options)
    if limits is not None:
        wanted["limits"] = limits
    handle = await session.client.optimizations.create(judge, prompt=prompt, options=wanted)
    if options["in_background"]:
        show_handle(session, handle)
        return None
    final = await end_of(session, handle, None)
    if final is None:
        return STILL_RUNNING
    found = await handle.optimization()
    if session.as_json:
        show_json(found.to_dict())
        return exit_code(final)
    show_optimization(found)
    flags = session.place.flags()
    if found.report is not None and found.report.outcome != "kept":
        note(f"Apply it: penstock optimizations apply {found.id}{flags}")
    note(f"What was tried: penstock optimizations candidates {found.id}{flags}")
    return exit_code(final)


@optimizations.command("list")
@click.option("--kind", type=click.Choice(["judge", "prompt"]))
@click.option("--of", "subject", metavar="NAME", help="Of one judge or prompt, by id or name.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@session_command()
async def list_optimizations(session: Session, /, kind: Any, subject: str | None, limit: int) -> None:
    """List optimizations, the newest first."""
    found = [one async for one in session.client.optimizations.list(kind=kind, subject=subject, limit=limit)]
    if session.as_json:
        show_json([one.to_dict() for one in found])
    elif not found:
        note("No optimizations yet: penstock optimizations run JUDGE")
    else:
        rows = [
            (
                one.id,
                f"{one.subject.name} (version {one.subject.version})",
                one.status,
                one.report.outcome if one.report else "",
                one.applied_version,
                one.created_at,
            )
            for one in found
        ]
        show_table(["id", "of", "status", "outcome", "applied as", "created"], rows)


@optimizations.command()
@_id
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write kappa before and after as SVG.")
@session_command()
async def show(session: Session, optimization: str, plot: Path | None) -> None:
    """Show what came of an optimization."""
    client = session.client.optimizations
    found = await client.get(optimization)
    if session.as_json:
        show_json(found.to_dict())
    else:
        show_optimization(found)
    if plot is not None:
        note(f"{plot} ({await client.save_plot(optimization, plot):,} bytes)")


@optimizations.command()
@_id
@session_command()
async def candidates(session: Session, optimization: str) -> None:
    """Show what an optimization has tried so far, and what came of each."""
    found = await session.client.optimizations.candidates(optimization)
    if session.as_json:
        show_json([one.to_dict() for one in found])
    else:
        show_candidates(found)


@optimizations.command()
@_id
@click.option("--force", is_flag=True, help="Although it was changed since, or nothing is shown to be better.")
@session_command()
async def apply(session: Session, optimization: str, force: bool) -> None:
    """Make a new version of the judge or prompt with the instruction that was found."""
    made = await session.client.optimizations.apply(optimization, force=force)
    if session.as_json:
        show_json(made.to_dict())
    else:
        again = " already" if made.again else ""
        click.echo(f"{plain(made.subject.name)} is{again} at version {made.new_version} with it")


def _wanted(prompt: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a request beside its subject."""
    named = {name: options[flag] for flag, name in _BODY.items()}
    named["judgeVersion" if prompt is None else "promptVersion"] = options["version"]
    named["scorer"] = options["scorer"] if options["scorer_content"] is None else options["scorer_content"]
    return {name: value for name, value in named.items() if value is not None}
