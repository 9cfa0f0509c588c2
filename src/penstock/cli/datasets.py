"""`penstock datasets`."""

from __future__ import annotations

from pathlib import Path

import click

from penstock.cli.output import note, plain, show_json, show_records
from penstock.cli.session import Session, session_command
from penstock.client.objects import DatasetFormat, ImportReport
from penstock.client.paths import dataset_format

_FORMATS = click.Choice(["csv", "json", "jsonl", "parquet"])


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
@session_command()
async def import_(
    session: Session, file: Path, name: str | None, kind: DatasetFormat | None, mode: str | None, skip_bad: bool
) -> None:
    """Load a CSV, JSON, JSON Lines or Parquet file."""
    report = await session.client.datasets.import_file(
        file,
        name,
        format=kind or format_of(file),
        mode="append" if mode == "append" else "replace" if mode == "replace" else "create",
        on_bad="skip" if skip_bad else "refuse",
    )
    if session.as_json:
        show_json(report.to_dict())
        return
    click.echo(f"{report.dataset.name} ({report.dataset.id}): {report.rows} rows loaded")
    show_skipped(report)


@datasets.command()
@click.argument("dataset")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--format", "kind", type=_FORMATS, help="The file's format; its suffix tells it by default.")
@session_command()
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
