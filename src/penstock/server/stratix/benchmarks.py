"""`…/benchmarks`, `…/custom-benchmarks`: what models are evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, Field
from starlette.responses import Response

from penstock.datasets.formats import Format
from penstock.errors import FieldError, Invalid
from penstock.evaluations.benchmarks.model import Benchmark, BenchmarkFilter, BenchmarkRow, Details
from penstock.evaluations.benchmarks.selecting import PromptQuery
from penstock.evaluations.benchmarks.service import Reading, key_of
from penstock.evaluations.pinning import DEFAULT_SCORERS
from penstock.evaluations.scorers.base import as_text
from penstock.server.stratix.envelopes import wrapped
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.models import fits
from penstock.server.stratix.params import Query
from penstock.server.stratix.uploads import base_name, collected
from penstock.types import Json, Tenant

AT_ONCE = 500
UPLOADS = "benchmarks"

routes = Routes()

_FORMATS: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
}

Metric = Literal["readability", "toxicity", "hallucination"]


class CustomBenchmarkBody(BaseModel):
    """A benchmark to make of a file that was sent before. Its rows are scored by `exact`, and by what is listed."""

    name: str = Field(min_length=1, max_length=64)
    description: str = Field("", max_length=280)
    file: str = Field(min_length=1, max_length=1000)
    additional_metrics: list[Metric] = Field(default_factory=list, max_length=10)
    custom_scorers: list[str] = Field(default_factory=list, max_length=50)
    input_type: Literal["messages", "json_payload"] | None = None


class CustomBenchmark(msgspec.Struct, kw_only=True):
    """A benchmark of the project's own: clients know it by its `organization_id`."""

    id: str
    key: str
    name: str
    description: str
    organization_id: str
    project_id: str
    system_prompt: str
    prompt_count: int
    version_count: int
    metrics: list[str]
    files: list[str]
    disabled: bool


class PublicBenchmark(msgspec.Struct, kw_only=True):
    """A public benchmark. In a project its description is called `full_description`."""

    id: str
    key: str
    name: str
    full_description: str
    language: str
    categories: list[str]
    prompt_count: int
    deprecated: bool


class Prompt(msgspec.Struct):
    """A row of a benchmark."""

    id: str
    input: Any
    truth: str


class BenchmarkHandle(msgspec.Struct):
    """Which benchmark was made."""

    organization_id: str
    project_id: str
    benchmark_id: str


@routes.get(PROJECT + "/benchmarks", "benchmarks:read")
async def list_benchmarks(call: StratixCall) -> Response:
    """Those that belong to the project, all of them, under the name `datasets`; `type` is `custom` or `public`."""
    kind = call.query.word("type", ("custom", "public", "all"), "all")
    public = {"custom": False, "public": True, "all": None}[kind]
    chosen = await call.engine.project_sets.benchmarks(call.tenant)
    found = await matching(call, BenchmarkFilter(public=public, ids=chosen, deprecated=False))
    return wrapped({"datasets": [_shown(call.tenant, one) for one in found]})


@routes.get(PROJECT + "/benchmarks/{benchmark_id}", "benchmarks:read")
async def get_benchmark(call: StratixCall) -> Response:
    return wrapped(_shown(call.tenant, await call.engine.benchmarks.get(call.tenant, call.id("benchmark_id"))))


@routes.get(PROJECT + "/benchmarks/{benchmark_id}/prompts", "benchmarks:read")
async def list_prompts(call: StratixCall) -> Response:
    """Rows; `count` counts all that pass the search."""
    return await prompts(call, call.id("benchmark_id"))


@routes.post(PROJECT + "/custom-benchmarks", "benchmarks:write")
async def create_custom_benchmark(call: StratixCall) -> Response:
    """Read the file that was sent; a line that is wrong is named, and nothing is kept then."""
    body = call.sent(CustomBenchmarkBody)
    file_format = _format_of(base_name(body.file))

    async def make() -> str:
        details = Details(body.name, body.description, await _scorers(call, body))
        async with collected(call, UPLOADS, body.file) as path:
            report = await call.engine.benchmarks.create_from_file(
                call.tenant, key_of(body.name), path, file_format, reading=Reading(), details=details
            )
        await into_project(call, report.benchmark.id)
        return report.benchmark.id

    return handle(call, await call.once(make))


async def into_project(call: StratixCall, benchmark_id: str) -> None:
    """A new benchmark belongs to the project also where that has chosen its benchmarks before."""
    chosen = await call.engine.project_sets.benchmarks(call.tenant)
    if chosen is not None:
        await call.engine.project_sets.set_benchmarks(call.tenant, [*chosen, benchmark_id])


async def matching(call: StratixCall, wanted: BenchmarkFilter) -> list[Benchmark]:
    """Every benchmark of a filter that the query's name, key, categories and languages let pass."""
    found: list[Benchmark] = []
    after = "", ""
    while True:
        page = await call.engine.benchmarks.page(call.tenant, wanted, after=after, limit=AT_ONCE)
        found += [one for one in page if _fits(call.query, one)]
        if len(page) < AT_ONCE:
            return found
        after = page[-1].key, page[-1].id


async def prompts(call: StratixCall, benchmark_id: str) -> Response:
    """A page of rows, searched in one field and in the order of one if that is asked for."""
    query = call.query
    fields = ("id", "input", "truth")
    page = query.page()
    field = query.text("search") and query.word("search", fields, "input")
    order = query.text("sort_by") and query.word("sort_by", fields, "id")
    wanted = PromptQuery(
        page=page.number,
        page_size=page.size,
        search_field=field,  # type: ignore[arg-type]
        search=query.text("search_value"),
        sort_by=order,  # type: ignore[arg-type]
        order="desc" if query.descending(False) else "asc",
    )
    rows, count = await call.engine.benchmarks.prompts(call.tenant, benchmark_id, wanted)
    return wrapped({"prompts": [_prompt(row) for row in rows], "count": count})


async def metric_scorers(call: StratixCall, metrics: Sequence[Metric]) -> list[Json]:
    """The scorers behind the names of that protocol; where a model judges, it is the project's default judge."""
    choices = await call.engine.project_settings.of(call.tenant)
    judge = choices.default_judge_model or call.engine.catalog.default_model()
    judged = {"type": "llm", "model": judge}
    return [
        {"type": metric} if metric == "readability" else {**judged, "name": metric, "promptName": metric}
        for metric in dict.fromkeys(metrics)
    ]


def handle(call: StratixCall, benchmark_id: str) -> Response:
    """The answer to whoever made a benchmark."""
    return wrapped(BenchmarkHandle(call.tenant.organization_id, call.tenant.project_id, benchmark_id))


def scorer_names(benchmark: Benchmark) -> list[str]:
    """By which scorers its rows are judged."""
    given: list[Any] = list(benchmark.scorers or DEFAULT_SCORERS)
    return [one if isinstance(one, str) else one.get("name") or one.get("type") or one["scorer"] for one in given]


async def _scorers(call: StratixCall, body: CustomBenchmarkBody) -> tuple[Json, ...]:
    scorers: list[Json] = [*DEFAULT_SCORERS, *await metric_scorers(call, body.additional_metrics)]
    scorers += [{"scorer": (await call.engine.scorers.get(call.tenant, one)).id} for one in body.custom_scorers]
    await call.engine.scorers.pin(call.tenant, scorers)
    return tuple(scorers)


def _format_of(name: str) -> Format:
    found = _FORMATS.get(PurePosixPath(name.lower()).suffix)
    if found is None:
        detail = f"{name!r} is none of {', '.join(_FORMATS)}."
        raise Invalid("format_unknown", detail, errors=(FieldError("file", detail),))
    return found


def _fits(query: Query, benchmark: Benchmark) -> bool:
    for name, values in (("categories", benchmark.categories), ("languages", benchmark.languages)):
        wanted = {value.casefold() for value in query.csv(name)}
        if wanted and wanted.isdisjoint(value.casefold() for value in values):
            return False
    return fits(query, benchmark.id, benchmark.name, benchmark.key)


def _shown(tenant: Tenant, benchmark: Benchmark) -> CustomBenchmark | PublicBenchmark:
    if benchmark.public:
        return PublicBenchmark(
            id=benchmark.id,
            key=benchmark.key,
            name=benchmark.name,
            full_description=benchmark.description,
            language=", ".join(benchmark.languages),
            categories=list(benchmark.categories),
            prompt_count=benchmark.latest.row_count,
            deprecated=benchmark.deprecated,
        )
    files: Any = benchmark.settings.get("documents") or []
    return CustomBenchmark(
        id=benchmark.id,
        key=benchmark.key,
        name=benchmark.name,
        description=benchmark.description,
        organization_id=tenant.organization_id,
        project_id=tenant.project_id,
        system_prompt=benchmark.system or "",
        prompt_count=benchmark.latest.row_count,
        version_count=benchmark.latest.version,
        metrics=scorer_names(benchmark),
        files=[str(one) for one in files],
        disabled=benchmark.deprecated,
    )


def _prompt(row: BenchmarkRow) -> Prompt:
    given = row.input if isinstance(row.input, str | dict | list) else as_text(row.input)
    return Prompt(row.id, given, as_text(row.truth))
