"""Rows become a version of a benchmark: the first one, together with the benchmark, or the next one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from penstock.clock import now_ms
from penstock.datasets import imports
from penstock.datasets.imports import ImportOptions
from penstock.datasets.model import BadLines, Dataset, ImportReport
from penstock.errors import FieldError, Invalid
from penstock.evaluations.benchmarks.checking import CheckedRows
from penstock.evaluations.benchmarks.model import Benchmark, BenchmarkKind, BenchmarkVersion, Details, VersionState
from penstock.ids import new_id
from penstock.storage import benchmarks
from penstock.storage.store import Store, Transaction
from penstock.types import JsonObject, Tenant


@dataclass(frozen=True, slots=True)
class BenchmarkReport:
    """What an import did. `changed` is False when the rows were those of the latest version, so none was made.

    `errors` names the first hundred bad lines, `error_count` counts them all.
    """

    benchmark: Benchmark
    changed: bool
    rows: int
    skipped: int
    errors: tuple[FieldError, ...]
    error_count: int


def blank(tenant: Tenant, key: str, kind: BenchmarkKind, details: Details, settings: JsonObject) -> Benchmark:
    """A benchmark before its rows are known."""
    benchmark_id, now = new_id(), now_ms()
    return Benchmark(
        id=benchmark_id,
        tenant=tenant,
        key=key,
        name=details.name,
        kind=kind,
        description=details.description,
        latest=BenchmarkVersion(benchmark_id, 1, "", "", 0, 0, (), False, now),
        created_at=now,
        updated_at=now,
        scorers=details.scorers,
        system=details.system,
        prompt=details.prompt,
        categories=details.categories,
        languages=details.languages,
        settings=settings,
    )


def with_id(benchmark: Benchmark, benchmark_id: str) -> Benchmark:
    """The same one under an id that is given beforehand."""
    return replace(benchmark, id=benchmark_id, latest=replace(benchmark.latest, benchmark_id=benchmark_id))


async def create(store: Store, wanted: Benchmark, rows: CheckedRows, on_bad: BadLines) -> BenchmarkReport:
    """A new benchmark, made with `blank`, with its rows. All or nothing is kept.

    Raises `Conflict` when the key is taken, `Invalid` naming the bad lines, or when there is no row at all.
    """
    made = wanted

    def write(dataset: Dataset, content_hash: str) -> Transaction[None]:
        nonlocal made
        made = replace(wanted, latest=_version(wanted.latest, dataset, content_hash, rows))
        yield from benchmarks.insert(made)

    report = await _load(store, wanted, rows, ImportOptions("replace", on_bad, kind="benchmark", also=write))
    return _report(made, report, changed=True)


async def add_version(
    store: Store, benchmark: Benchmark, rows: CheckedRows, on_bad: BadLines, *, state: VersionState = "ready"
) -> BenchmarkReport:
    """The next version of a benchmark, unless the latest one has these rows and this state. Raises as `create` does."""
    now, before = now_ms(), benchmark.latest
    made = benchmark

    def write(dataset: Dataset, content_hash: str) -> Transaction[None]:
        nonlocal made
        draft = replace(before, version=before.version + 1, state=state, created_at=now)
        latest = _version(draft, dataset, content_hash, rows)
        number = yield from benchmarks.insert_next(benchmark.tenant, latest)
        made = replace(benchmark, latest=replace(latest, version=number), updated_at=now)

    known = before.content_hash if before.state == state else None
    options = ImportOptions("replace", on_bad, kind="benchmark", known_hash=known, also=write)
    report = await _load(store, benchmark, rows, options)
    return _report(made, report, changed=made is not benchmark)


def dataset_name(benchmark_id: str) -> str:
    """The name of the data set with a benchmark's rows: one that no user's data set can have."""
    return f"benchmark/{benchmark_id}"


async def _load(store: Store, benchmark: Benchmark, rows: CheckedRows, options: ImportOptions) -> ImportReport:
    name = dataset_name(benchmark.id)
    return await imports.run_import(store, benchmark.tenant, name, rows.rows(), options)


def _version(blank: BenchmarkVersion, dataset: Dataset, content_hash: str, rows: CheckedRows) -> BenchmarkVersion:
    if not dataset.row_count:
        raise Invalid("benchmark_empty", "There is no row to be loaded; a benchmark has one at least.")
    return replace(
        blank,
        content_hash=content_hash,
        dataset_id=dataset.id,
        dataset_version=dataset.version,
        row_count=dataset.row_count,
        subsets=rows.subsets,
        has_clusters=rows.has_clusters,
    )


def _report(benchmark: Benchmark, report: ImportReport, *, changed: bool) -> BenchmarkReport:
    return BenchmarkReport(benchmark, changed, report.rows, report.skipped, report.errors, report.error_count)
