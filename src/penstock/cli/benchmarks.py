"""`penstock benchmarks`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from penstock.cli.arguments import NameType
from penstock.cli.connect import Place
from penstock.cli.follow import end_of, show_outcome
from penstock.cli.output import note, plain, show_json, show_records, show_table
from penstock.cli.session import DONE, Session, session_command
from penstock.client.benchmark_objects import Benchmark, BenchmarkImport
from penstock.client.errors import ConflictError
from penstock.client.paths import dataset_format

_name = click.argument("benchmark", metavar="BENCHMARK", type=NameType())
_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_COLUMNS = {"key": "key", "name": "name", "kind": "kind", "rows": "row_count", "categories": "categories", "id": "id"}


def _check_import(place: Place, options: Mapping[str, Any]) -> None:
    try:
        dataset_format(options["file"])
    except ValueError as fault:
        raise click.UsageError(str(fault)) from None
    for pair in options["fields"]:
        _field(pair)


def _field(pair: str) -> tuple[str, str]:
    member, _, field = pair.partition(":")
    if not member or not field:
        raise click.UsageError(f"--map {pair!r} must be MEMBER:FIELD, such as truth:sample.answer")
    return member, field


@click.group()
def benchmarks() -> None:
    """Keep benchmarks: rows with a truth, that evaluations run on."""


@benchmarks.command("list")
@click.option("--kind", type=click.Choice(["custom", "builtin", "imported", "smart"]), help="Where it comes from.")
@click.option("--category", help="Such as mathematics.")
@click.option("--language", help="Such as English.")
@click.option("--search", "text", help="A text in key, name or description.")
@click.option("--all", "everything", is_flag=True, help="Also deprecated ones.")
@session_command()
async def list_benchmarks(session: Session, /, everything: bool, **filters: Any) -> None:
    """List the project's and the public benchmarks."""
    deprecated = None if everything else False
    found = [one async for one in session.client.benchmarks.list(deprecated=deprecated, **filters)]
    show_records(found, _COLUMNS, as_json=session.as_json, none="No benchmark fits.")


@benchmarks.command()
@_name
@session_command()
async def show(session: Session, benchmark: str) -> None:
    """Show a benchmark."""
    _show(session, await session.client.benchmarks.get(benchmark))


@benchmarks.command("import")
@_file
@click.option("--key", help="Its name in commands and URLs; the file's by default.")
@click.option("--adapter", help="The file's layout: gsm8k, bbh, mmlu, arc, ifeval or humaneval.")
@click.option("--map", "fields", multiple=True, metavar="MEMBER:FIELD", help="Which field is which; may be repeated.")
@click.option("--skip-bad", is_flag=True, help="Load the good lines; without it one bad line refuses the file.")
@click.option("--no-truth", is_flag=True, help="Rows need no truth.")
@session_command(check=_check_import)
async def import_(session: Session, /, file: Path, key: str | None, **options: Any) -> None:
    """Load a CSV, JSON, JSON Lines or Parquet file; as the next version when there is a benchmark of that key."""
    client = session.client.benchmarks
    reading: dict[str, Any] = {
        "adapter": options["adapter"],
        "mapping": dict(_field(pair) for pair in options["fields"]),
        "on_bad": "skip" if options["skip_bad"] else "refuse",
        "require_truth": not options["no_truth"],
    }
    try:
        report = await client.import_file(file, key, **reading)
    except ConflictError as fault:
        if fault.code != "benchmark_exists":
            raise
        report = await client.add_version(key or file.stem, file, **reading)
    _show_import(session, report)


@benchmarks.command()
@click.argument("generator", type=NameType())
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The same seed, the same rows.")
@click.option(
    "--difficulty", type=click.Choice(["easy", "medium", "hard"]), default="medium", show_default=True, help="How hard."
)
@click.option("--rows", type=click.IntRange(min=1), default=200, show_default=True, help="How many.")
@click.option("--key", help="Its name in commands and URLs.")
@session_command()
async def generate(session: Session, /, generator: str, **options: Any) -> None:
    """Make a benchmark from a seed: arithmetic, boolean_logic, dates, instructions, sorting or string_edits."""
    _show(session, await session.client.benchmarks.generate(generator, **options))


@benchmarks.command()
@click.argument("documents", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--key", required=True, help="Its name in commands and URLs.")
@click.option("--questions", type=click.IntRange(min=1), default=50, show_default=True, help="At most so many.")
@click.option("--instructions", default="", help="Your own words to the model.")
@click.option("--model", help="Which model writes them; the default one by default.")
@session_command(worker=True)
async def draft(session: Session, /, documents: tuple[Path, ...], key: str, **options: Any) -> int | None:
    """Let a model write questions on documents. They are a draft until they are reviewed."""
    started = await session.client.benchmarks.draft(key, documents, **options)
    ended = await end_of(session, started, None)
    if ended is None or ended.status != "completed" or session.as_json:
        return DONE if ended is None else await show_outcome(session, started, ended)
    _show(session, await session.client.benchmarks.get(key))
    note(f"Review it: penstock benchmarks rows {key}, then penstock benchmarks review {key}")
    return DONE


@benchmarks.command()
@_name
@click.option("--reject", "rejected", multiple=True, metavar="ID", help="A row that is no good; may be repeated.")
@session_command()
async def review(session: Session, benchmark: str, rejected: tuple[str, ...]) -> None:
    """Accept the rows of a draft, but those that are rejected; evaluations can then run on it."""
    ids = [row.id async for row in session.client.benchmarks.rows(benchmark)]
    unknown = sorted(set(rejected) - set(ids))
    if unknown:
        raise click.UsageError(f"the draft has no row {unknown[0]!r}")
    accepted = [row_id for row_id in ids if row_id not in rejected]
    _show(session, await session.client.benchmarks.review(benchmark, accepted))


@benchmarks.command()
@_name
@click.option("--search", help="Only rows with this text.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="So many rows.")
@click.option("--version", type=click.IntRange(min=1), help="Of this version; the latest by default.")
@session_command()
async def rows(session: Session, benchmark: str, search: str | None, limit: int, version: int | None) -> None:
    """Show rows of a benchmark."""
    found = []
    async for row in session.client.benchmarks.rows(benchmark, search=search, version=version):
        found.append(row)
        if len(found) == limit:
            break
    if session.as_json:
        show_json([row.to_dict() for row in found])
    else:
        show_table(["id", "subset", "input", "truth"], [[row.id, row.subset, row.input, row.truth] for row in found])


@benchmarks.command()
@_name
@session_command()
async def delete(session: Session, benchmark: str) -> None:
    """Delete a benchmark with its versions."""
    await session.client.benchmarks.delete(benchmark)


def _show(session: Session, benchmark: Benchmark) -> None:
    if session.as_json:
        show_json(benchmark.to_dict())
        return
    latest = benchmark.latest
    facts = {
        "benchmark": f"{benchmark.key} ({benchmark.id})",
        "name": benchmark.name,
        "about": benchmark.description,
        "kind": f"{benchmark.kind}, public" if benchmark.public else benchmark.kind,
        "version": f"{latest.version}, {latest.state}",
        "rows": latest.row_count,
        "subsets": latest.subsets,
        "scorers": [one if isinstance(one, str) else one.get("type", "") for one in benchmark.scorers],
        "prompt": benchmark.prompt,
        "content": latest.content_hash[:16],
    }
    for name, value in facts.items():
        if value:
            click.echo(f"{name:11}{plain(value)}")


def _show_import(session: Session, report: BenchmarkImport) -> None:
    if session.as_json:
        show_json(report.to_dict())
        return
    made = report.benchmark
    if report.changed:
        click.echo(f"{made.key} ({made.id}): {report.rows} rows loaded as version {made.latest.version}")
    else:
        click.echo(f"{made.key} ({made.id}): the same {report.rows} rows as version {made.latest.version}; nothing new")
    if report.skipped:
        note(f"{report.skipped} bad lines were skipped:")
        for fault in report.errors:
            note(f"  {plain(fault.path)}: {plain(fault.message)}")
