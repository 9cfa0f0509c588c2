"""`/leaderboards`: which models do best on which benchmarks, as far as their rows can tell."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.clock import iso
from penstock.errors import FieldError, Invalid
from penstock.evaluations.leaderboards import (
    MAX_DESCRIPTION_LENGTH,
    MAX_NAME_LENGTH,
    Entry,
    LeaderboardChange,
    Table,
)
from penstock.server.answers import answer, maybe_iso, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, page_of, path_id, ref
from penstock.storage.leaderboards import LeaderboardFilters, LeaderboardRecord, Order, Visibility

router = APIRouter(tags=["leaderboards"])
Reads = Annotated[Call, needs("evaluations:read")]
Writes = Annotated[Call, needs("leaderboards:write")]
Named = Annotated[str, path_id("leaderboard")]

_Word = Annotated[str, Field(min_length=1, max_length=300)]
_Words = Annotated[list[_Word], Field(max_length=500)]
_MOST_DIGITS = 9


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class ModelFilterBody(_Body):
    """Which models; an empty list leaves all."""

    ids: _Words = []
    vendors: _Words = []
    regions: _Words = []


class BenchmarkFilterBody(_Body):
    """Which benchmarks; an empty list leaves all."""

    ids: _Words = []
    categories: _Words = []
    languages: _Words = []


class FiltersBody(_Body):
    """What is ranked; without filters everything that was evaluated."""

    models: ModelFilterBody = ModelFilterBody()
    benchmarks: BenchmarkFilterBody = BenchmarkFilterBody()


class LeaderboardPatch(_Body):
    """What is to be different; the rest stays as it is."""

    name: str | None = Field(None, min_length=1, max_length=MAX_NAME_LENGTH)
    slug: str | None = Field(
        None, min_length=1, max_length=MAX_NAME_LENGTH, description="Small letters, digits, dashes; made of the name."
    )
    description: str | None = Field(None, max_length=MAX_DESCRIPTION_LENGTH)
    visibility: Visibility | None = Field(
        None, description="Who may look: the project (`private`), the organization (`tenant`), every key (`public`)."
    )
    filters: FiltersBody | None = None
    weight: int | None = Field(None, ge=-(2**31), le=2**31 - 1, description="The heavier, the further up in lists.")
    featured: bool | None = None
    image_path: str | None = Field(None, max_length=2_000, description="An empty text takes it away.")


class LeaderboardBody(LeaderboardPatch):
    """A new leaderboard. It is private unless it says otherwise."""

    name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH)


class Leaderboard(msgspec.Struct, rename="camel"):
    """A leaderboard. `owner` is the name of the organization that made it; `own`: this project may change it."""

    id: str
    name: str
    slug: str
    description: str
    owner: str
    own: bool
    visibility: Visibility
    filters: LeaderboardFilters
    weight: int
    featured: bool
    image_path: str | None
    created_at: str
    updated_at: str


class LeaderboardEntry(msgspec.Struct, rename="camel"):
    """One model's newest evaluation. `sameAsAbove`: its rows do not tell it from the entry above."""

    rank: int
    model: str
    evaluation_id: str
    mean: float
    low: float | None
    high: float | None
    n: int
    expected: int
    same_as_above: bool
    finished_at: str | None


class LeaderboardBenchmark(msgspec.Struct):
    """A benchmark, in the newest version that is ranked."""

    id: str
    key: str
    version: int


class LeaderboardTable(msgspec.Struct):
    """The ranking on one benchmark by one scorer, of evaluations on the same rows, the best first."""

    benchmark: LeaderboardBenchmark
    scorer: str
    rows: int
    epochs: int
    entries: list[LeaderboardEntry]


class LeaderboardTables(msgspec.Struct):
    """Every ranking of a leaderboard."""

    tables: list[LeaderboardTable]


SCHEMAS = (
    LeaderboardBody,
    LeaderboardPatch,
    Leaderboard,
    LeaderboardTables,
    LeaderboardTable,
    LeaderboardEntry,
    LeaderboardBenchmark,
)


@router.post(
    "/leaderboards",
    **doc(
        "Make a leaderboard",
        status=201,
        body=ref(LeaderboardBody),
        returns=ref(Leaderboard),
        problems=(400, 409, 413),
    ),
)
async def create_leaderboard(call: Writes) -> Response:
    """It ranks what the project has evaluated and will evaluate."""
    board = await call.engine.leaderboards.create(call.tenant, _change(await call.body(LeaderboardBody)))
    return answer(_shown(call, board), 201, {"Location": call.path(f"/leaderboards/{board.id}")})


@router.get("/leaderboards", **doc("List leaderboards", returns=page_of(Leaderboard), problems=(400,)))
async def list_leaderboards(
    call: Reads,
    cursor: Cursor = None,
    limit: Limit = 50,
    sort: Annotated[Order, Query(description="`weight` also puts featured ones first.")] = "weight",
) -> Response:
    """Those this project may see, its own first."""
    offset = _offset(cursor)
    found, total = await call.engine.leaderboards.page(call.tenant, sort, offset, limit)
    following = offset + len(found)
    return page([_shown(call, board) for board in found], str(following) if following < total and found else None)


@router.get("/leaderboards/{leaderboard}", **doc("Get a leaderboard", returns=ref(Leaderboard), problems=(404,)))
async def get_leaderboard(call: Reads, leaderboard: Named) -> Response:
    """By its id or its slug."""
    return answer(_shown(call, await call.engine.leaderboards.get(call.tenant, leaderboard)))


@router.get(
    "/leaderboards/{leaderboard}/entries",
    **doc("Read the rankings", returns=ref(LeaderboardTables), problems=(404,)),
)
async def list_leaderboard_entries(call: Reads, leaderboard: Named) -> Response:
    """The newest completed evaluation of each model, by benchmark and scorer; only what was measured alike is ranked
    together."""
    board = await call.engine.leaderboards.get(call.tenant, leaderboard)
    tables = await call.engine.leaderboards.entries(board)
    return answer(LeaderboardTables([_table(table) for table in tables]))


@router.patch(
    "/leaderboards/{leaderboard}",
    **doc(
        "Change a leaderboard",
        body=ref(LeaderboardPatch),
        returns=ref(Leaderboard),
        problems=(400, 404, 409, 413),
    ),
)
async def update_leaderboard(call: Writes, leaderboard: Named) -> Response:
    """Only what is sent; `filters` are replaced whole. Only the project that made it may."""
    wanted = _change(await call.body(LeaderboardPatch))
    return answer(_shown(call, await call.engine.leaderboards.update(call.tenant, leaderboard, wanted)))


@router.delete("/leaderboards/{leaderboard}", **doc("Delete a leaderboard", status=204, problems=(404,)))
async def delete_leaderboard(call: Writes, leaderboard: Named) -> Response:
    """The evaluations stay. Only the project that made it may."""
    await call.engine.leaderboards.delete(call.tenant, leaderboard)
    return nothing()


def _change(body: LeaderboardPatch) -> LeaderboardChange:
    given: dict[str, Any] = body.model_dump(exclude={"filters"})
    filters = None if body.filters is None else msgspec.convert(body.filters.model_dump(), LeaderboardFilters)
    return LeaderboardChange(**given, filters=filters)


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) <= _MOST_DIGITS):
        detail = "This cursor was not made here; take nextCursor of the page before."
        raise Invalid("cursor_invalid", detail, errors=(FieldError("cursor", detail),))
    return int(cursor)


def _shown(call: Call, board: LeaderboardRecord) -> Leaderboard:
    return Leaderboard(
        id=board.id,
        name=board.name,
        slug=board.slug,
        description=board.description,
        owner=board.owner,
        own=board.tenant == call.tenant,
        visibility=board.visibility,
        filters=board.filters,
        weight=board.weight,
        featured=board.featured,
        image_path=board.image_path,
        created_at=iso(board.created_at),
        updated_at=iso(board.updated_at),
    )


def _table(table: Table) -> LeaderboardTable:
    return LeaderboardTable(
        benchmark=LeaderboardBenchmark(table.benchmark_id, table.benchmark_key, table.benchmark_version),
        scorer=table.scorer,
        rows=table.rows,
        epochs=table.epochs,
        entries=[_entry(entry) for entry in table.entries],
    )


def _entry(entry: Entry) -> LeaderboardEntry:
    return LeaderboardEntry(
        rank=entry.rank,
        model=entry.model,
        evaluation_id=entry.evaluation_id,
        mean=entry.mean,
        low=entry.low,
        high=entry.high,
        n=entry.scored,
        expected=entry.expected,
        same_as_above=entry.same_as_above,
        finished_at=maybe_iso(entry.finished_at),
    )
