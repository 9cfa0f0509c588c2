"""`penstock annotations`, and `penstock judges agreement`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from penstock.cli.arguments import NameType
from penstock.cli.connect import Place
from penstock.cli.datasets import format_of
from penstock.cli.output import note, plain, show_json, show_records, show_table
from penstock.cli.session import Session, session_command
from penstock.client.annotation_objects import AgreementStanding, AgreementTable, AgreementWith, Coefficient
from penstock.client.objects import DatasetFormat

_NAMED = 3
_FORMATS = click.Choice(["csv", "json", "jsonl", "parquet"])
_COLUMNS = {
    "id": "id",
    "trace": "trace",
    "evaluation": "evaluation",
    "row": "row",
    "judge": "judge_name",
    "criterion": "criterion",
    "author": "author",
    "label": "label",
    "rationale": "rationale",
}
_file_format = click.option(
    "--format", "kind", type=_FORMATS, help="The file's format; its suffix tells it by default."
)
_judge = click.option("--judge", metavar="J", help="For this judge, by id or name.")
_criterion = click.option("--criterion", metavar="TEXT", help="For a criterion of your own.")
_author = click.option("--author", metavar="WHO", help="Of this author.")


def _check_file(place: Place, options: Mapping[str, Any]) -> None:
    if options["kind"] is None:
        format_of(options["file"])


def _check_question(place: Place, options: Mapping[str, Any]) -> None:
    if options["row"] is not None and options["span"] is not None:
        raise click.UsageError("a --span belongs to a trace, a --row to an evaluation")
    if (options["judge"] is None) == (options["criterion"] is None):
        raise click.UsageError("give either --judge or --criterion")


@click.group("annotations")
def labels() -> None:
    """Keep what people say of traces: add, list, import, export."""


@labels.command()
@click.argument("subject", metavar="TRACE", type=NameType())
@click.argument("label", type=NameType())
@_judge
@_criterion
@click.option("--rationale", metavar="TEXT", help="Why.")
@click.option("--author", metavar="WHO", help="Who says so; the key's name by default.")
@click.option("--span", metavar="ID", help="Label this span of the trace.")
@click.option("--row", type=click.IntRange(min=0), help="TRACE is an evaluation: label this row of its results.")
@click.option("--weight", type=click.FloatRange(0, 1000, min_open=True), help="How much it counts; 1.")
@session_command(check=_check_question)
async def add(session: Session, /, subject: str, label: str, row: int | None, **options: Any) -> None:
    """Label a trace, or a row of an evaluation: pass, fail, or an answer of the judge's menu."""
    client = session.client.annotations
    if row is None:
        made = await client.add(subject, label, **options)
    else:
        made = await client.add_to_row(subject, row, label, **options)
    if session.as_json:
        show_json(made.to_dict())
    else:
        click.echo(f"{made.author}: {plain(made.label)} ({made.id}, revision {made.revision})")


@labels.command("list")
@_judge
@_criterion
@click.option("--trace", metavar="ID", help="Of this trace.")
@_author
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@session_command()
async def list_annotations(session: Session, /, **options: Any) -> None:
    """List labels, the newest first."""
    found = [one async for one in session.client.annotations.list(**options)]
    none = "No labels yet: penstock annotations add TRACE pass --judge JUDGE"
    show_records(found, _COLUMNS, as_json=session.as_json, none=none)


@labels.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_file_format
@click.option("--judge", metavar="J", help="For lines that name no judge and no criterion.")
@click.option("--author", metavar="WHO", help="For lines that name no author.")
@click.option("--skip-bad", is_flag=True, help="Keep the good lines; without it one bad line refuses the file.")
@session_command(check=_check_file)
async def import_(session: Session, /, file: Path, kind: DatasetFormat | None, **options: Any) -> None:
    """Load labels from a JSON Lines, CSV, JSON or Parquet file."""
    report = await session.client.annotations.import_file(
        file,
        format=kind or format_of(file),
        on_bad="skip" if options["skip_bad"] else "refuse",
        judge=options["judge"],
        author=options["author"],
    )
    if session.as_json:
        show_json(report.to_dict())
        return
    click.echo(f"{report.added} added, {report.changed} changed, {report.unchanged} as before")
    if report.error_count:
        note(f"{report.error_count} bad lines were skipped:")
        for fault in report.errors:
            note(f"  {plain(fault.path)}: {plain(fault.message)}")


@labels.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@_file_format
@_judge
@_criterion
@_author
@session_command(check=_check_file)
async def export(session: Session, /, file: Path, kind: DatasetFormat | None, **options: Any) -> None:
    """Write labels to a file that can be imported."""
    size = await session.client.annotations.export(file, format=kind or format_of(file), **options)
    if session.as_json:
        show_json({"file": str(file), "bytes": size})
    else:
        click.echo(f"{file}: {size} bytes")


@labels.command("next")
@click.argument("judge", type=NameType())
@click.option("--author", metavar="WHO", help="Who will label; the key's name by default.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True)
@session_command()
async def next_(session: Session, judge: str, author: str | None, limit: int) -> None:
    """List what to label next for a judge: the most telling first."""
    found = await session.client.annotations.next(judge, author=author, limit=limit)
    columns = {"id": "trace", "name": "name", "why": "reason", "verdicts": "verdicts", "labels": "labels"}
    show_records(found, columns, as_json=session.as_json, none="Nothing is left to be labelled.")


@click.command()
@click.argument("judge", type=NameType())
@click.option("--version", type=click.IntRange(min=1), help="Of this version; the latest by default.")
@session_command()
async def agreement(session: Session, judge: str, version: int | None) -> None:
    """Show how far a judge agrees with people, and people with each other."""
    found = await session.client.annotations.agreement(judge, version)
    if session.as_json:
        show_json(found.to_dict())
        return
    click.echo(
        f"{plain(found.judge_name)}, version {found.version}:"
        f" {found.judged:,} traces judged, {found.labelled:,} labelled"
    )
    rows = [_row(one) for one in (found.everybody, *found.authors)]
    show_table(["who", "n", "same", "kappa", "kappa of answers", "not compared"], rows)
    _show_confusion(found.everybody.answers or found.everybody.passes)
    click.echo(f"people among themselves: alpha {_text(found.people.passes)}, n {found.people.passes.n}")


def _row(one: AgreementWith) -> tuple[object, ...]:
    same = "" if one.passes.accuracy is None else f"{one.passes.accuracy:.1%}"
    left_out = ", ".join(f"{count} {reason}" for reason, count in one.missing.items())
    answers = "" if one.answers is None else _text(one.answers.kappa)
    return one.author or "everybody", one.passes.n, same, _text(one.passes.kappa), answers, left_out


def _show_confusion(table: AgreementTable) -> None:
    rows = [(label, *row) for label, row in zip(table.labels, table.confusion, strict=True)]
    show_table(["people \\ judge", *table.labels], rows)


def standing(found: AgreementStanding | None) -> str:
    """`kappa 0.71 [0.52, 0.86], n 80, by ann and bob`: how far a judge agrees with people, in one line."""
    if found is None:
        return "no labels"
    who = ", ".join(map(plain, found.authors[:_NAMED]))
    more = f" and {len(found.authors) - _NAMED} more" if len(found.authors) > _NAMED else ""
    kappa = (found.answers or found.passes).kappa
    return f"kappa {_text(kappa)}, n {kappa.n}, by {who}{more}"


def _text(found: Coefficient) -> str:
    if found.value is None:
        return f"none: {found.note}"
    ends = "" if found.interval is None else f" [{found.interval[0]:.2f}, {found.interval[1]:.2f}]"
    return f"{found.value:.2f}{ends}"
