"""`…/evaluation-spaces`: leaderboards."""

from __future__ import annotations

from typing import Literal

import msgspec
from pydantic import BaseModel, Field
from starlette.responses import Response

from penstock.clock import iso
from penstock.evaluations.leaderboards import MAX_DESCRIPTION_LENGTH, MAX_NAME_LENGTH, LeaderboardChange
from penstock.server.stratix.envelopes import wrapped
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.storage.leaderboards import LeaderboardRecord, Order

routes = Routes()

_ORDERS: dict[str, Order] = {"weight": "weight", "name": "name", "created_at": "created"}


class SpaceChange(BaseModel):
    """What may be different of one that is there."""

    description: str | None = Field(None, max_length=MAX_DESCRIPTION_LENGTH)
    visibility: Literal["private", "public", "tenant"] | None = None


class SpaceBody(SpaceChange):
    """A new one."""

    name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH)


class ModelFilters(msgspec.Struct):
    """Which models are ranked; an empty list leaves all."""

    ids: list[str]
    vendors: list[str]
    regions: list[str]


class DatasetFilters(msgspec.Struct):
    """On which benchmarks; an empty list leaves all."""

    ids: list[str]
    categories: list[str]
    languages: list[str]


class Filters(msgspec.Struct):
    """What is ranked."""

    model_filters: ModelFilters
    dataset_filters: DatasetFilters
    providers: list[str]


class Space(msgspec.Struct, kw_only=True):
    """A leaderboard."""

    id: str
    name: str
    slug: str
    description: str
    owner: str
    visibility: str
    created_at: str
    image_path: str | None
    partner_name: str | None
    is_featured: bool
    is_partner: bool
    weight: int
    models_count: int
    benchmarks_count: int
    evaluations_count: int
    filters: Filters


@routes.get(PROJECT + "/evaluation-spaces", "evaluations:read")
async def list_spaces(call: StratixCall) -> Response:
    """Those that the project may see, its own first."""
    page = call.query.page()
    order = _ORDERS[call.query.word("sort_by", _ORDERS, "weight")]
    down = call.query.descending(order == "weight")
    found, total = await call.engine.leaderboards.page(call.tenant, order, page.offset, page.size, descending=down)
    shown = [await _shown(call, one) for one in found]
    return wrapped({"evaluation_spaces": shown, "count": len(shown), "total_count": total})


@routes.get(PROJECT + "/evaluation-spaces/{space}", "evaluations:read")
async def get_space(call: StratixCall) -> Response:
    """By id or slug."""
    return wrapped(await _shown(call, await call.engine.leaderboards.get(call.tenant, call.id("space"))))


@routes.post(PROJECT + "/evaluation-spaces", "leaderboards:write")
async def create_space(call: StratixCall) -> Response:
    body = call.sent(SpaceBody)
    wanted = LeaderboardChange(name=body.name, description=body.description, visibility=body.visibility)
    made = await call.once(lambda: call.engine.leaderboards.create(call.tenant, wanted))
    return wrapped(await _shown(call, made))


@routes.patch(PROJECT + "/evaluation-spaces/{space}", "leaderboards:write")
async def update_space(call: StratixCall) -> Response:
    body = call.sent(SpaceChange)
    wanted = LeaderboardChange(description=body.description, visibility=body.visibility)
    return wrapped(await _shown(call, await call.engine.leaderboards.update(call.tenant, call.id("space"), wanted)))


@routes.delete(PROJECT + "/evaluation-spaces/{space}", "leaderboards:write")
async def delete_space(call: StratixCall) -> Response:
    found = await call.engine.leaderboards.get(call.tenant, call.id("space"))
    await call.engine.leaderboards.delete(call.tenant, found.id)
    return wrapped({"id": found.id})


async def _shown(call: StratixCall, board: LeaderboardRecord) -> Space:
    counts = await call.engine.leaderboards.counts(board)
    models, benchmarks = board.filters.models, board.filters.benchmarks
    return Space(
        id=board.id,
        name=board.name,
        slug=board.slug,
        description=board.description,
        owner=board.owner,
        visibility=board.visibility,
        created_at=iso(board.created_at),
        image_path=board.image_path,
        partner_name=None,
        is_featured=board.featured,
        is_partner=False,
        weight=board.weight,
        models_count=counts.models,
        benchmarks_count=counts.benchmarks,
        evaluations_count=counts.evaluations,
        filters=Filters(
            ModelFilters(list(models.ids), list(models.vendors), list(models.regions)),
            DatasetFilters(list(benchmarks.ids), list(benchmarks.categories), list(benchmarks.languages)),
            [],
        ),
    )
