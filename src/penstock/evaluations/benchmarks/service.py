"""Benchmarks as the rest of Penstock uses them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from penstock.clock import now_ms
from penstock.datasets import imports
from penstock.datasets.formats import Format
from penstock.datasets.imports import SourceRows
from penstock.datasets.model import BadLine, BadLines, SourceRow
from penstock.datasets.service import Datasets
from penstock.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from penstock.evaluations.benchmarks import adapters, generators, importing, selecting
from penstock.evaluations.benchmarks.checking import CheckedRows
from penstock.evaluations.benchmarks.generators import Recipe
from penstock.evaluations.benchmarks.importing import BenchmarkReport
from penstock.evaluations.benchmarks.mapping import FieldMapping
from penstock.evaluations.benchmarks.model import (
    Benchmark,
    BenchmarkFilter,
    BenchmarkKind,
    BenchmarkRow,
    BenchmarkVersion,
    Details,
    RowChoice,
)
from penstock.evaluations.benchmarks.public import PublicBenchmarks
from penstock.evaluations.benchmarks.selecting import PromptQuery
from penstock.evaluations.benchmarks.source import source_rows
from penstock.flows.expressions import ExpressionError, template
from penstock.storage import benchmarks
from penstock.storage.store import Store
from penstock.types import JsonObject, Tenant

MAX_PAGE = 500

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}", re.ASCII)
_NO_KEY = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file becomes rows: by an adapter, or by a mapping of fields, see `FieldMapping`.

    `file_name` is what the file is called, where that says something (the subject of an MMLU file). Rows without a
    truth are bad lines unless `require_truth` is False.
    """

    adapter: str | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    on_bad: BadLines = "refuse"
    require_truth: bool = True
    file_name: str = ""

    def as_json(self) -> JsonObject:
        said = {"adapter": self.adapter, "mapping": dict(self.mapping), "fileName": self.file_name}
        return {name: value for name, value in said.items() if value}


class BenchmarkService:
    """All benchmarks of all tenants. What takes a benchmark's id or key looks in the project first, then among the
    public ones, and raises `NotFound`.
    """

    def __init__(self, store: Store, datasets: Datasets) -> None:
        self._store = store
        self._datasets = datasets
        self._public = PublicBenchmarks(store)

    # Reading

    async def get(self, tenant: Tenant, id_or_key: str) -> Benchmark:
        found = await self._store.read(benchmarks.find(tenant, id_or_key))
        if found is not None and not found.public:
            return found
        await self._public.ensure()
        return await self._store.read(benchmarks.get(tenant, id_or_key))

    async def version(self, benchmark: Benchmark, number: int | None = None) -> BenchmarkVersion:
        """A version an evaluation can run on; the latest by default.

        Raises `NotFound` for an unknown number, `Conflict` for a draft.
        """
        version = await self._any_version(benchmark, number)
        if version.state == "draft":
            detail = f"Version {version.version} of benchmark {benchmark.key!r} is a draft. Review it first."
            raise Conflict("benchmark_draft", detail)
        return version

    async def versions(
        self, tenant: Tenant, benchmark_id: str, *, before: int = 2**31, limit: int = 100
    ) -> Sequence[BenchmarkVersion]:
        """The versions below a number, newest first. Takes the id."""
        return await self._store.read(benchmarks.versions(tenant, benchmark_id, before, min(limit, MAX_PAGE + 1)))

    async def page(
        self, tenant: Tenant, wanted: BenchmarkFilter, *, after: tuple[str, str] = ("", ""), limit: int = 100
    ) -> Sequence[Benchmark]:
        """The project's and the public benchmarks in the order of key and id, behind such a pair."""
        await self._public.ensure()
        return await self._store.read(benchmarks.page(tenant, wanted, after, min(limit, MAX_PAGE + 1)))

    async def total(self, tenant: Tenant, wanted: BenchmarkFilter) -> int:
        """How many benchmarks pass a filter."""
        await self._public.ensure()
        return await self._store.read(benchmarks.count(tenant, wanted))

    def rows(
        self, benchmark: Benchmark, version: BenchmarkVersion, choice: RowChoice
    ) -> AsyncIterator[Sequence[BenchmarkRow]]:
        """The chosen rows in the order of the benchmark, in pages of at most 256; no page is empty.

        The same choice of the same version is the same rows each time. Raises `Invalid` when it makes no sense.
        """
        return self._rows(benchmark, version, choice)

    async def _rows(
        self, benchmark: Benchmark, version: BenchmarkVersion, choice: RowChoice
    ) -> AsyncIterator[Sequence[BenchmarkRow]]:
        selecting.check(version, choice)
        pages = self._datasets.select(
            benchmark.tenant,
            version.dataset_id,
            version.dataset_version,
            selecting.selection_of(choice),
            selecting.predicate_of(choice),
        )
        async for page in pages:
            yield [selecting.row_of(row) for row in page]

    async def count(self, benchmark: Benchmark, version: BenchmarkVersion, choice: RowChoice) -> int:
        """How many rows `rows` will yield. Raises as it does."""
        selecting.check(version, choice)
        return await self._datasets.count(
            benchmark.tenant,
            version.dataset_id,
            version.dataset_version,
            selecting.selection_of(choice),
            selecting.predicate_of(choice),
        )

    async def prompts(
        self, tenant: Tenant, id_or_key: str, query: PromptQuery, number: int | None = None
    ) -> tuple[Sequence[BenchmarkRow], int]:
        """A page of rows for people, and how many pass the search; of drafts, too."""
        benchmark = await self.get(tenant, id_or_key)
        version = await self._any_version(benchmark, number)
        return await selecting.prompts(self._datasets, benchmark.tenant, version, query)

    # Making

    async def create_from_file(
        self,
        tenant: Tenant,
        key: str,
        path: Path,
        file_format: Format,
        *,
        reading: Reading | None = None,
        details: Details | None = None,
    ) -> BenchmarkReport:
        """A new benchmark with the rows of a file.

        `details` that are not given are those of the adapter. Raises `Conflict` (`benchmark_exists`) when the key is
        taken, `Invalid` (`bad_lines` naming up to a hundred lines, `mapping_invalid`, `adapter_unfit`,
        `file_unreadable`, `benchmark_empty`); nothing is kept then.
        """
        reading = reading or Reading()
        rows = _read(path, file_format, reading)
        kind: BenchmarkKind = "custom" if reading.adapter is None else "imported"
        details = details or (Details(key) if reading.adapter is None else adapters.adapter(reading.adapter).details)
        return await self._create(importing.blank(tenant, key, kind, details, reading.as_json()), rows, reading.on_bad)

    async def create_from_rows(
        self,
        tenant: Tenant,
        key: str,
        rows: Iterable[JsonObject],
        *,
        reading: Reading | None = None,
        details: Details | None = None,
    ) -> BenchmarkReport:
        """A new benchmark of rows at hand. Raises as `create_from_file` does."""
        reading = reading or Reading()
        blank = importing.blank(tenant, key, "custom", details or Details(key), reading.as_json())
        return await self._create(blank, _mapped(_numbered(rows), reading), reading.on_bad)

    async def generate(
        self, tenant: Tenant, recipe: Recipe, *, key: str | None = None, name: str | None = None
    ) -> BenchmarkReport:
        """A benchmark of the project's own from a generator. Raises `Invalid` naming what of the recipe is wrong."""
        details = generators.check(recipe).details
        key = key or f"{recipe.generator}-{recipe.difficulty}-{recipe.seed}".replace("_", "-")
        blank = importing.blank(tenant, key, "builtin", replace(details, name=name or details.name), recipe.as_json())
        return await self._create(blank, generators.rows_of(recipe), "refuse")

    async def add_version(
        self, tenant: Tenant, id_or_key: str, path: Path, file_format: Format, *, reading: Reading | None = None
    ) -> BenchmarkReport:
        """Rows of a file in the place of those a benchmark has: its next version, unless they are the same.

        Raises as `create_from_file` does, `Conflict` (`import_running`) while another version is being loaded.
        """
        benchmark = await self._own(tenant, id_or_key)
        reading = reading or Reading()
        return await importing.add_version(self._store, benchmark, _read(path, file_format, reading), reading.on_bad)

    async def _create(self, blank: Benchmark, rows: CheckedRows, on_bad: BadLines) -> BenchmarkReport:
        check_key(blank.key)
        check_templates(blank.details)
        there = await self._store.read(benchmarks.find(blank.tenant, blank.key))
        if there is not None and there.tenant == blank.tenant:
            raise benchmarks.exists(blank.key)
        return await importing.create(self._store, blank, rows, on_bad)

    # Changing

    async def update(self, tenant: Tenant, id_or_key: str, details: Details, *, deprecated: bool) -> Benchmark:
        """Say other things of a benchmark. Its rows, and what ran on them, stay as they are."""
        check_templates(details)
        benchmark = await self._own(tenant, id_or_key)
        changed = replace(
            benchmark,
            name=details.name,
            description=details.description,
            scorers=details.scorers,
            system=details.system,
            prompt=details.prompt,
            categories=details.categories,
            languages=details.languages,
            deprecated=deprecated,
            updated_at=now_ms(),
        )
        if not await self._store.write(benchmarks.update(changed)):
            raise _unknown(id_or_key)
        return changed

    async def delete(self, tenant: Tenant, id_or_key: str) -> None:
        """Delete a benchmark with all its versions. Raises `Conflict` (`benchmark_in_use`) while a run uses it."""
        benchmark = await self._own(tenant, id_or_key)
        await self._store.write(benchmarks.delete(benchmark))
        await imports.sweep(self._store, tenant)

    async def _own(self, tenant: Tenant, id_or_key: str) -> Benchmark:
        """One that the project may change. Raises `Forbidden` for a public one."""
        benchmark = await self.get(tenant, id_or_key)
        if benchmark.tenant != tenant:
            detail = f"Benchmark {benchmark.key!r} is public: it is read by everybody and changed by nobody."
            raise Forbidden("benchmark_public", detail)
        return benchmark

    async def _any_version(self, benchmark: Benchmark, number: int | None) -> BenchmarkVersion:
        if number is None or number == benchmark.latest.version:
            return benchmark.latest
        found = await self.versions(benchmark.tenant, benchmark.id, before=number + 1, limit=1)
        if not found or found[0].version != number:
            detail = f"Benchmark {benchmark.key!r} has no version {number}; its latest is {benchmark.latest.version}."
            raise NotFound("benchmark_version_unknown", detail)
        return found[0]


def check_key(key: str) -> None:
    """Raises `Invalid` unless the key can stand in a URL and in a command."""
    if not _KEY.fullmatch(key):
        detail = (
            f"{key[:120]!r} cannot be the key of a benchmark: 1 to 120 letters, digits, dots, hyphens and underscores,"
            " a letter or digit first."
        )
        raise Invalid("key_invalid", detail, errors=(FieldError("key", detail),))


def check_templates(details: Details) -> None:
    """Raises `Invalid` naming each template that is none."""
    faults = []
    for field_name, text in (("system", details.system), ("prompt", details.prompt)):
        try:
            template(text or "")
        except ExpressionError as error:
            faults.append(FieldError(field_name, str(error)))
    if faults:
        detail = "; ".join(f"{fault.path}: {fault.message}" for fault in faults)
        raise Invalid("template_invalid", detail, errors=tuple(faults))


def key_of(name: str) -> str:
    """A key that reads like a name: `My benchmark!` → `my-benchmark`. Raises `Invalid` when nothing of it is left."""
    key = _NO_KEY.sub("-", name.lower()).strip("-")[:120].rstrip("-")
    check_key(key)
    return key


def _read(path: Path, file_format: Format, reading: Reading) -> CheckedRows:
    """The rows of a file. Raises `Invalid` for an adapter or a mapping that makes no sense."""
    if reading.adapter is None:
        return _mapped(source_rows(path, file_format), reading)
    if reading.mapping:
        detail = "An adapter knows which field is which; give a mapping or an adapter, not both."
        raise Invalid("mapping_invalid", detail, errors=(FieldError("mapping", detail),))
    chosen = adapters.adapter(reading.adapter)
    source = chosen.rows(path, file_format, reading.file_name)
    return CheckedRows(source, _as_it_is, require_truth=chosen.needs_truth and reading.require_truth)


def _mapped(source: SourceRows, reading: Reading) -> CheckedRows:
    mapping = FieldMapping(reading.mapping, require_truth=reading.require_truth)
    return CheckedRows(source, mapping, require_truth=reading.require_truth)


def _as_it_is(members: JsonObject) -> JsonObject:
    return members


def _numbered(rows: Iterable[JsonObject]) -> Generator[SourceRow | BadLine, None, None]:
    for line, row in enumerate(rows, 1):
        yield SourceRow(line, dict(row))


def _unknown(id_or_key: str) -> NotFound:
    return NotFound("benchmark_unknown", f"There is no benchmark {id_or_key!r} in this project.")
