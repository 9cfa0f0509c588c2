"""`/models` and `/datasets`: the public catalog, and with it what is the caller's own."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from penstock.clock import iso
from penstock.evaluations.benchmarks.model import Benchmark, BenchmarkFilter
from penstock.models.public import PublicModel
from penstock.models.public_search import ModelQuery, SortBy
from penstock.models.saved import SavedModel
from penstock.server.stratix.benchmarks import matching, prompts
from penstock.server.stratix.envelopes import bare
from penstock.server.stratix.face import Routes, StratixCall
from penstock.server.stratix.models import custom_models, fits

routes = Routes()

_SORTS: dict[str, SortBy] = {
    "name": "name",
    "created_at": "released_at",
    "released_at": "released_at",
    "context_length": "context_length",
    "license": "license",
    # Nothing is known of these, so their order is that of the keys.
    "architecture_type": "key",
    "region": "key",
}
_FACETS = ("categories", "companies", "regions", "licenses", "sizes")


class ModelDetail(msgspec.Struct, kw_only=True):
    """A model in the catalog; prices per token are decimal texts. What is not known is left out."""

    id: str
    key: str
    name: str
    description: str
    deprecated: bool
    key_takeaways: list[str]
    company: str | UnsetType = UNSET
    context_length: int | UnsetType = UNSET
    parameters: float | UnsetType = UNSET
    modality: str | UnsetType = UNSET
    architecture_type: str | UnsetType = UNSET
    license: str | UnsetType = UNSET
    open_weights: bool | UnsetType = UNSET
    region: str | UnsetType = UNSET
    released_at: str | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    cost_per_input_token: str | UnsetType = UNSET
    cost_per_output_token: str | UnsetType = UNSET


class BenchmarkDetail(msgspec.Struct, kw_only=True):
    """A benchmark in the catalog."""

    id: str
    key: str
    name: str
    description: str
    created_at: str
    prompt_count: int
    language: str
    categories: list[str]
    characteristics: list[str]
    deprecated: bool
    is_public: bool


@routes.get("/models", "models:read")
async def list_catalog_models(call: StratixCall) -> Response:
    """The caller's own models first, then the public ones, with what there is to filter by."""
    page = call.query.page()
    own = await _own_models(call)
    before = min(page.offset, len(own))
    shown = [_own_detail(one) for one in own[before : page.offset + page.size]]
    found = await call.engine.catalog.public.search(_model_query(call, page.offset - before, page.size - len(shown)))
    shown += [_public_detail(one) for one in found.models]
    return bare(
        {
            "models": shown,
            **{name: list(found.facets[name]) for name in _FACETS},
            "count": len(shown),
            "total_count": found.total + len(own),
        }
    )


@routes.get("/datasets", "benchmarks:read")
async def list_catalog_benchmarks(call: StratixCall) -> Response:
    """The caller's own benchmarks and the public ones, by name unless asked otherwise."""
    query = call.query
    page = query.page()
    wanted = BenchmarkFilter(
        text=query.text("query"),
        ids=query.csv("ids") or None,
        deprecated=None if query.flag("include_deprecated") else False,
    )
    found = await matching(call, wanted)
    by_date = query.word("sort_by", ("name", "created_at"), "name") == "created_at"
    found.sort(key=_by_date if by_date else _by_name, reverse=query.descending(False))
    shown = [_benchmark_detail(one) for one in found[page.offset : page.offset + page.size]]
    return bare(
        {
            "datasets": shown,
            "categories": sorted({category for one in found for category in one.categories}),
            "languages": sorted({language for one in found for language in one.languages}),
            "count": len(shown),
            "total_count": len(found),
        }
    )


@routes.get("/datasets/{benchmark_id}/prompts", "benchmarks:read")
async def list_catalog_prompts(call: StratixCall) -> Response:
    return await prompts(call, call.id("benchmark_id"))


def _model_query(call: StratixCall, offset: int, limit: int) -> ModelQuery:
    query = call.query
    by_id = query.text("name") if _ID.fullmatch(query.text("name") or "") else None
    return ModelQuery(
        query=query.text("query"),
        name=None if by_id else query.text("name"),
        key=query.text("key"),
        ids=(*query.csv("ids"), *((by_id,) if by_id else ())),
        categories=query.csv("categories"),
        companies=query.csv("companies"),
        regions=query.csv("regions"),
        licenses=query.csv("licenses"),
        sizes=query.csv("sizes"),
        include_deprecated=query.flag("include_deprecated"),
        sort_by=_SORTS[query.word("sort_by", _SORTS, "name")],
        descending=query.descending(False),
        offset=max(0, offset),
        limit=limit,
    )


_ID = re.compile(r"[0-9a-f]{24}")


async def _own_models(call: StratixCall) -> list[SavedModel]:
    """Saved models that pass the filters; of what the others ask nothing is known of them."""
    query = call.query
    if any(query.csv(name) for name in _FACETS):
        return []
    ids, text = query.csv("ids"), (query.text("query") or "").casefold()
    return [
        one
        for one in await custom_models(call, of_project=False)
        if (not ids or one.id in ids)
        and fits(query, one.id, one.name, one.key)
        and text in f"{one.key} {one.name} {one.description}".casefold()
    ]


def _own_detail(saved: SavedModel) -> ModelDetail:
    return ModelDetail(
        id=saved.id,
        key=saved.key or saved.name,
        name=saved.name,
        description=saved.description or "",
        deprecated=False,
        key_takeaways=[],
        created_at=iso(saved.created_at),
    )


def _public_detail(found: PublicModel) -> ModelDetail:
    names = (
        "company",
        "context_length",
        "parameters",
        "modality",
        "architecture_type",
        "license",
        "open_weights",
        "region",
        "released_at",
    )
    known: dict[str, Any] = {name: value for name in names if (value := getattr(found, name)) is not None}
    prices = {
        "cost_per_input_token": found.input_price_per_token,
        "cost_per_output_token": found.output_price_per_token,
    }
    known |= {name: price for name, price in prices.items() if price is not None}
    return ModelDetail(
        id=found.id,
        key=found.key,
        name=found.name,
        description=found.description,
        deprecated=found.deprecated,
        key_takeaways=[],
        **known,
    )


def _benchmark_detail(benchmark: Benchmark) -> BenchmarkDetail:
    return BenchmarkDetail(
        id=benchmark.id,
        key=benchmark.key,
        name=benchmark.name,
        description=benchmark.description,
        created_at=iso(benchmark.created_at),
        prompt_count=benchmark.latest.row_count,
        language=", ".join(benchmark.languages),
        categories=list(benchmark.categories),
        characteristics=list(benchmark.latest.subsets),
        deprecated=benchmark.deprecated,
        is_public=benchmark.public,
    )


def _by_name(benchmark: Benchmark) -> tuple[str, str]:
    return benchmark.name.casefold(), benchmark.id


def _by_date(benchmark: Benchmark) -> tuple[str, str]:
    return f"{benchmark.created_at:020d}", benchmark.id
