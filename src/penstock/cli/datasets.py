"""`penstock datasets`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from penstock.cli.arguments import NameType
from penstock.cli.connect import Place
from penstock.cli.output import note, plain, show_json, show_records
from penstock.cli.session import Session, session_command
from penstock.client.objects import DatasetFormat, ImportReport
from penstock.client.paths import dataset_format

_FORMATS = click.Choice(["csv", "json", "jsonl", "parquet"])


def _check_import(place: Place, options: Mapping[str, Any]) -> None:
    if options["kind"] is None:
        format_of(options["file"])
    for pair in options["types"]:
        _typed(pair)


def _check_export(place: Place, options: Mapping[str, Any]) -> None:
    if options["kind"] is None:
        format_of(options["file"])


def _typed(pair: str) -> tuple[str, str]:
    column, _, kind = pair.rpartition(":")
    if not column or not kind:
        raise click.UsageError(f"--type {pair!r} must be COLUMN:TYPE")
    return column, kind


@click.group()
def datasets() -> None:
    """Import, list and export data sets."""


@datasets.command("list")
@session_command()
async def list_datasets(session: Session) -> None:
    """List the data sets."""
    found = [dataset async for dataset in session.client.datasets.list()]
    columns = {"name": "name", "rows": "row_count", "id": "id", "changed": "updated_at"}
    show_records(found, columns, as_json=session.as_json, none="No data sets yet: penstock datasets import FILE")


@datasets.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--name", help="The data set's name; the file's by default.")
@click.option("--format", "kind", type=_FORMATS, help="The file's format; its suffix tells it by default.")
@click.option("--append", "mode", flag_value="append", help="Add the rows to the data set of that name.")
@click.option("--replace", "mode", flag_value="replace", help="Put the rows in the place of those it has.")
@click.option("--skip-bad", is_flag=True, help="Load the good lines; without it one bad line refuses the file.")
@click.option("--type", "types", multiple=True, metavar="COLUMN:TYPE", help="What a column holds; may be repeated.")
@session_command(check=_check_import)
async def import_(
    session: Session, /, file: Path, name: str | None, kind: DatasetFormat | None, **options: Any
) -> None:
    """Load a CSV, JSON, JSON Lines or Parquet file."""
    report = await session.client.datasets.import_file(
        file,
        name,
        format=kind or format_of(file),
        mode=options["mode"] or "create",
        on_bad="skip" if options["skip_bad"] else "refuse",
        types=dict(_typed(pair) for pair in options["types"]),
    )
    if session.as_json:
        show_json(report.to_dict())
        return
    click.echo(f"{report.dataset.name} ({report.dataset.id}): {report.rows} rows loaded")
    show_skipped(report)


@datasets.command()
@click.argument("dataset", type=NameType())
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--format", "kind", type=_FORMATS, help="The file's format; its suffix tells it by default.")
@session_command(check=_check_export)
async def export(session: Session, dataset: str, file: Path, kind: DatasetFormat | None) -> None:
    """Write a data set's rows to a file."""
    size = await session.client.datasets.export(dataset, file, format=kind or format_of(file))
    if session.as_json:
        show_json({"file": str(file), "bytes": size})
    else:
        click.echo(f"{file}: {size} bytes")


def format_of(file: Path) -> DatasetFormat:
    """The format by the suffix; wrong usage when that tells none."""
    try:
        return dataset_format(file)
    except ValueError as fault:
        raise click.UsageError(f"{fault} with --format") from None


def show_skipped(report: ImportReport) -> None:
    """The lines that were left out, on standard error."""
    if report.skipped:
        note(f"{report.skipped} bad lines were skipped:")
        for fault in report.errors:
            note(f"  {plain(fault.path)}: {plain(fault.message)}")
