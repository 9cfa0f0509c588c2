"""Benchmarks as requests ask for them, and as answers show them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field

from penstock.clock import iso
from penstock.datasets.formats import Format
from penstock.datasets.model import BadLines
from penstock.errors import FieldError, Invalid
from penstock.evaluations.benchmarks.generators import DEFAULT_ROWS, Difficulty
from penstock.evaluations.benchmarks.importing import BenchmarkReport
from penstock.evaluations.benchmarks.model import Benchmark, BenchmarkKind, BenchmarkRow, BenchmarkVersion, Details
from penstock.evaluations.benchmarks.selecting import SearchField, SortOrder
from penstock.evaluations.benchmarks.service import Reading
from penstock.server.auth import Call
from penstock.server.describe import MAX_PAGE
from penstock.server.evaluation_requests import Body, ScorerSpec

Label = Annotated[str, Field(min_length=1, max_length=60)]
Labels = Annotated[list[Label], Field(max_length=50)]
Template = Annotated[str, Field(max_length=100_000)]


class BenchmarkPatch(Body):
    """What is to be said of a benchmark; the rest stays as it is. Its rows never change."""

    name: str | None = Field(None, min_length=1, max_length=200)
    description: str | None = Field(None, max_length=10_000)
    scorers: list[ScorerSpec] | None = Field(
        None, max_length=50, description="Used when an evaluation names none: types, saved scorers, definitions."
    )
    system: Template | None = Field(None, description="A template over a row's members.")
    prompt: Template | None = Field(None, description="A template over a row's members; by default the input.")
    categories: Labels | None = None
    languages: Labels | None = None
    deprecated: bool | None = Field(None, description="Still there, and not offered any more.")


class BenchmarkBody(BenchmarkPatch):
    """A benchmark sent as rows."""

    key: str = Field(min_length=1, max_length=120, description="Its name in URLs and commands.")
    rows: list[dict[str, Any]]
    mapping: dict[str, str] = Field(
        default_factory=dict, max_length=20, description="Member of a row → field of yours, a dotted path into one."
    )
    on_bad: BadLines = "refuse"
    require_truth: bool = True


class GenerateBody(Body):
    """A benchmark to be generated. The same seed, difficulty and number of rows are the same rows everywhere."""

    generator: str = Field(min_length=1, max_length=60)
    seed: int = 0
    difficulty: Difficulty = "medium"
    rows: int = DEFAULT_ROWS
    key: str | None = Field(None, min_length=1, max_length=120)
    name: str | None = Field(None, min_length=1, max_length=200)


class FileQuery(Body):
    """How the file is read."""

    file_format: Format | None = Field(None, alias="format", description="The content type tells it, too.")
    adapter: str | None = Field(
        None, max_length=60, description="The layout it has: gsm8k, bbh, mmlu, arc, ifeval, humaneval."
    )
    mapping: str | None = Field(
        None, max_length=2_000, description="Which field is which member: `input:question,truth:sample.answer`."
    )
    on_bad: BadLines = Field("refuse", description="`refuse`: any bad line, and nothing is loaded.")
    require_truth: bool = Field(True, description="Whether a row without a truth is a bad line.")
    file_name: str = Field("", max_length=300, description="What the file is called; some layouts tell the subset so.")


class NewFileQuery(FileQuery):
    """What the benchmark of a file is called, and how the file is read."""

    key: str | None = Field(None, max_length=120, description="Its name in URLs and commands.")
    name: str | None = Field(None, max_length=200)
    description: str | None = Field(None, max_length=2_000)
    categories: str | None = Field(None, max_length=1_000, description="Several with commas.")
    languages: str | None = Field(None, max_length=1_000, description="Several with commas.")


class BenchmarkQuery(Body):
    """Which benchmarks to list."""

    kind: BenchmarkKind | None = None
    category: str | None = Field(None, max_length=60)
    language: str | None = Field(None, max_length=60)
    text: str | None = Field(None, max_length=200, description="In key, name or description.")
    key: str | None = Field(None, max_length=120, description="Exactly this one.")
    deprecated: bool | None = Field(None, description="Only these, or only the others.")
    public: bool | None = Field(None, description="Only those of everybody, or only the project's.")
    cursor: str | None = Field(None, max_length=500, description="`nextCursor` of the page before.")
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="How many to list at most.")


class RowsQuery(Body):
    """Which rows to list."""

    page: int = Field(1, ge=1, le=10_000_000)
    page_size: int = Field(100, ge=1, le=MAX_PAGE)
    search: str | None = Field(None, min_length=1, max_length=1_000, description="In upper or lower case.")
    search_field: SearchField | None = Field(None, description="Where to search; in all three by default.")
    sort_by: SearchField | None = Field(None, description="As texts; in the order of the benchmark by default.")
    order: SortOrder = "asc"
    version: int | None = Field(None, ge=1, le=2**31, description="The latest by default.")


class BenchmarkVersionView(msgspec.Struct, rename="camel"):
    """A version: its rows never change. `contentHash` is that of the rows in order."""

    version: int
    state: Literal["ready", "draft"]
    content_hash: str
    row_count: int
    subsets: list[str]
    has_clusters: bool
    created_at: str


class BenchmarkView(msgspec.Struct, rename="camel"):
    """A benchmark with its latest version. `public`: everybody reads it, nobody changes it."""

    id: str
    key: str
    name: str
    kind: BenchmarkKind
    description: str
    public: bool
    deprecated: bool
    categories: list[str]
    languages: list[str]
    scorers: list[Any]
    system: str | None
    prompt: str | None
    settings: dict[str, Any]
    latest: BenchmarkVersionView
    created_at: str
    updated_at: str


class BenchmarkRowView(msgspec.Struct):
    """One question. `input` is a text, messages, or any JSON; `truth` what is expected."""

    id: str
    input: Any
    truth: Any
    subset: str | None
    cluster: str | None
    context: Any
    metadata: dict[str, Any]


class BenchmarkRowPage(msgspec.Struct, rename="camel"):
    """One page of the `total` rows that fit."""

    data: list[BenchmarkRowView]
    total: int
    page: int
    page_size: int


class BadRow(msgspec.Struct):
    """A row that was not loaded, and why."""

    path: str
    message: str
    line: int | None


class BenchmarkImport(msgspec.Struct, rename="camel"):
    """What an import did. `changed` is false when the rows were those of the latest version, so none was made."""

    benchmark: BenchmarkView
    changed: bool
    rows: int
    skipped: int
    errors: list[BadRow]
    error_count: int


SCHEMAS = (
    BenchmarkPatch,
    BenchmarkBody,
    GenerateBody,
    BenchmarkVersionView,
    BenchmarkView,
    BenchmarkRowView,
    BenchmarkRowPage,
    BadRow,
    BenchmarkImport,
)


def details_of(said: BenchmarkPatch, before: Details) -> Details:
    """The details with what the caller said in the place of what was there."""
    return Details(
        name=said.name or before.name,
        description=before.description if said.description is None else said.description,
        scorers=before.scorers if said.scorers is None else tuple(said.scorers),
        system=said.system if "system" in said.model_fields_set else before.system,
        prompt=said.prompt if "prompt" in said.model_fields_set else before.prompt,
        categories=before.categories if said.categories is None else tuple(said.categories),
        languages=before.languages if said.languages is None else tuple(said.languages),
    )


async def checked_details(call: Call, details: Details) -> Details:
    """The details, if the scorers they name can be had. Raises `Invalid` naming each that cannot."""
    if details.scorers:
        await call.engine.scorers.pin(call.tenant, list(details.scorers))
    return details


def reading_of(query: FileQuery) -> Reading:
    """How the file is read. Raises `Invalid` for a mapping that is none."""
    return Reading(query.adapter, _mapping(query.mapping), query.on_bad, query.require_truth, query.file_name)


def labels(text: str | None) -> tuple[str, ...]:
    """What stands between the commas."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _mapping(text: str | None) -> dict[str, str]:
    if not text:
        return {}
    pairs = [part.partition(":") for part in text.split(",")]
    if not all(member.strip() and field.strip() for member, _, field in pairs):
        detail = "mapping is a list such as input:question,truth:answer."
        raise Invalid("mapping_invalid", detail, errors=(FieldError("mapping", detail),))
    return {member.strip(): field.strip() for member, _, field in pairs}


def benchmark_view(benchmark: Benchmark) -> BenchmarkView:
    return BenchmarkView(
        id=benchmark.id,
        key=benchmark.key,
        name=benchmark.name,
        kind=benchmark.kind,
        description=benchmark.description,
        public=benchmark.public,
        deprecated=benchmark.deprecated,
        categories=list(benchmark.categories),
        languages=list(benchmark.languages),
        scorers=list(benchmark.scorers),
        system=benchmark.system,
        prompt=benchmark.prompt,
        settings=dict(benchmark.settings),
        latest=version_view(benchmark.latest),
        created_at=iso(benchmark.created_at),
        updated_at=iso(benchmark.updated_at),
    )


def version_view(version: BenchmarkVersion) -> BenchmarkVersionView:
    return BenchmarkVersionView(
        version.version,
        version.state,
        version.content_hash,
        version.row_count,
        list(version.subsets),
        version.has_clusters,
        iso(version.created_at),
    )


def row_view(row: BenchmarkRow) -> BenchmarkRowView:
    return BenchmarkRowView(row.id, row.input, row.truth, row.subset, row.cluster, row.context, dict(row.metadata))


def import_view(report: BenchmarkReport) -> BenchmarkImport:
    return BenchmarkImport(
        benchmark_view(report.benchmark),
        report.changed,
        report.rows,
        report.skipped,
        [BadRow(error.path, error.message, error.line) for error in report.errors],
        report.error_count,
    )
