"""`/catalog/models`: the public models there are, with what is known of them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.errors import FieldError, Invalid
from penstock.models.public import PublicModel
from penstock.models.public_search import ModelQuery, SortBy
from penstock.server.answers import answer
from penstock.server.auth import Call, needs
from penstock.server.describe import MAX_PAGE, doc, path_id, ref

router = APIRouter(tags=["models"])
Reads = Annotated[Call, needs("models:read")]
PublicId = Annotated[str, path_id("model")]


def _several(what: str) -> str | None:
    field: str | None = Field(None, max_length=5_000, description=f"{what}; several with commas.")
    return field


class CatalogQuery(BaseModel):
    """What to look for. Upper and lower case are the same."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    query: str | None = Field(None, max_length=200, description="Words in key, name, company or description.")
    name: str | None = Field(None, max_length=200, description="A part of it.")
    key: str | None = Field(None, max_length=200, description="A part of it.")
    ids: str | None = _several("Exactly these")
    companies: str | None = _several("Who made it")
    providers: str | None = _several("Who serves it, as its key begins")
    categories: str | None = _several("Of `facets.categories`")
    regions: str | None = _several("Of `facets.regions`")
    licenses: str | None = _several("Of `facets.licenses`")
    sizes: str | None = _several("`small` (below 10 billion parameters), `medium`, `large` (from 100)")
    usable: bool | None = Field(None, description="Whether this server can call it.")
    include_deprecated: bool = Field(False, description="Also what its provider withdraws.")
    sort_by: SortBy = "key"
    order: Literal["asc", "desc"] = "asc"
    cursor: str | None = Field(None, max_length=20, description="`nextCursor` of the page before.")
    limit: int = Field(50, ge=1, le=MAX_PAGE, description="How many to list at most.")


class ModelFacets(msgspec.Struct):
    """For each filter the values that there are."""

    categories: list[str]
    companies: list[str]
    regions: list[str]
    licenses: list[str]
    sizes: list[str]
    providers: list[str]


class CatalogPage(msgspec.Struct, rename="camel"):
    """One page of the `total` models that fit."""

    data: list[PublicModel]
    next_cursor: str | None
    total: int
    facets: ModelFacets


SCHEMAS = (PublicModel, ModelFacets, CatalogPage)


@router.get("/catalog/models", **doc("Look for public models", returns=ref(CatalogPage), problems=(400,)))
async def list_public_models(call: Reads, wanted: Annotated[CatalogQuery, Query()]) -> Response:
    """What is not known of a model is null. `sortBy` puts the models without a value last."""
    offset = _offset(wanted.cursor)
    found = await call.engine.catalog.public.search(_query(wanted, offset))
    following = str(offset + wanted.limit) if offset + wanted.limit < found.total else None
    facets = ModelFacets(**{name: list(values) for name, values in found.facets.items()})
    return answer(CatalogPage(list(found.models), following, found.total, facets))


# Keys of models hold slashes, so they may fill the rest of the path.
@router.get("/catalog/models/{model:path}", **doc("Get a public model", returns=ref(PublicModel), problems=(404,)))
async def get_public_model(call: Reads, model: PublicId) -> Response:
    """By its id or its key."""
    return answer(await call.engine.catalog.public.get(model))


def _query(wanted: CatalogQuery, offset: int) -> ModelQuery:
    return ModelQuery(
        query=wanted.query,
        name=wanted.name,
        key=wanted.key,
        ids=_list(wanted.ids),
        companies=_list(wanted.companies),
        providers=_list(wanted.providers),
        categories=_list(wanted.categories),
        regions=_list(wanted.regions),
        licenses=_list(wanted.licenses),
        sizes=_list(wanted.sizes),
        usable=wanted.usable,
        include_deprecated=wanted.include_deprecated,
        sort_by=wanted.sort_by,
        descending=wanted.order == "desc",
        offset=offset,
        limit=wanted.limit,
    )


def _list(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal()):
        detail = "This cursor was not made here; take nextCursor of the page before."
        raise Invalid("cursor_invalid", detail, errors=(FieldError("cursor", detail),))
    return int(cursor)
