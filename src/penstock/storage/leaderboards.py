"""Leaderboards: every statement about them. What they rank is read from evaluations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from penstock.errors import Conflict
from penstock.storage.store import Transaction, UniqueViolation
from penstock.types import Tenant

Visibility = Literal["private", "tenant", "public"]
Order = Literal["weight", "name", "created"]


class RankedModels(msgspec.Struct, frozen=True):
    """Which models: those named, those of a vendor, those of a region; an empty list leaves all."""

    ids: tuple[str, ...] = ()
    vendors: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()


class RankedBenchmarks(msgspec.Struct, frozen=True):
    """Which benchmarks: by id or key, category, language; an empty list leaves all."""

    ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


class LeaderboardFilters(msgspec.Struct, frozen=True):
    """What is ranked."""

    models: RankedModels = msgspec.field(default_factory=RankedModels)
    benchmarks: RankedBenchmarks = msgspec.field(default_factory=RankedBenchmarks)


@dataclass(frozen=True, slots=True)
class LeaderboardRecord:
    """One leaderboard as it is stored. Times in milliseconds since 1970; `owner` is the organization's name."""

    id: str
    tenant: Tenant
    name: str
    slug: str
    created_at: int
    updated_at: int
    description: str = ""
    visibility: Visibility = "private"
    filters: LeaderboardFilters = field(default_factory=LeaderboardFilters)
    weight: int = 0
    featured: bool = False
    image_path: str | None = None
    owner: str = ""


_SELECT = """
select l.*, o.name as owner from leaderboards l
left join organizations o on o.id = l.organization_id
"""

# Whoever asks sees the project's own, the organization's shared ones, and public ones of everybody.
_VISIBLE = "(l.project_id = $1 or (l.visibility = 'tenant' and l.organization_id = $2) or l.visibility = 'public')"

_INSERT = """
insert into leaderboards (id, organization_id, project_id, name, slug, description, visibility, filters, weight,
 featured, image_path, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

_UPDATE = """
update leaderboards set name = $3, slug = $4, description = $5, visibility = $6, filters = $7, weight = $8,
 featured = $9, image_path = $10, updated_at = $11
where id = $1 and project_id = $2 returning id
"""

_ORDERS: dict[tuple[Order, bool], str] = {
    ("weight", False): "l.featured, l.weight, l.name",
    ("weight", True): "l.featured desc, l.weight desc, l.name",
    ("name", False): "l.name",
    ("name", True): "l.name desc",
    ("created", False): "l.id",
    ("created", True): "l.id desc",
}


def insert(board: LeaderboardRecord, most: int) -> Transaction[None]:
    """Write a new one. Raises `Conflict` when its slug is taken, or when the project has `most` already."""
    project_id = board.tenant.project_id
    rows = yield "select count(*) as n from leaderboards where project_id = $1", project_id
    if rows[0]["n"] >= most:
        raise Conflict("too_many_leaderboards", f"This project has {most:,} leaderboards, the most it may have.")
    try:
        yield (
            _INSERT,
            board.id,
            board.tenant.organization_id,
            project_id,
            board.name,
            board.slug,
            board.description,
            board.visibility,
            msgspec.json.encode(board.filters).decode(),
            board.weight,
            board.featured,
            board.image_path,
            board.created_at,
            board.updated_at,
        )
    except UniqueViolation:
        raise _slug_taken(board.slug) from None


def update(board: LeaderboardRecord) -> Transaction[bool]:
    """Write a changed one; False when it is gone. Raises `Conflict` when its new slug is taken."""
    try:
        rows = yield (
            _UPDATE,
            board.id,
            board.tenant.project_id,
            board.name,
            board.slug,
            board.description,
            board.visibility,
            msgspec.json.encode(board.filters).decode(),
            board.weight,
            board.featured,
            board.image_path,
            board.updated_at,
        )
    except UniqueViolation:
        raise _slug_taken(board.slug) from None
    return bool(rows)


def find(tenant: Tenant, id_or_slug: str) -> Transaction[LeaderboardRecord | None]:
    """One that the tenant may see. An id wins; of several with one slug, the project's own, the organization's, then
    the oldest public one."""
    rows = yield (
        f"{_SELECT} where {_VISIBLE} and (l.id = $3 or l.slug = $3)"
        " order by case when l.id = $3 then 0 when l.project_id = $1 then 1 when l.organization_id = $2 then 2"
        " else 3 end, l.id limit 1",
        tenant.project_id,
        tenant.organization_id,
        id_or_slug,
    )
    return leaderboard_of(rows[0]) if rows else None


def page(
    tenant: Tenant, order: Order, descending: bool, offset: int, limit: int
) -> Transaction[tuple[list[LeaderboardRecord], int]]:
    """Some of those that the tenant may see, its own first, and how many there are in all."""
    ids = tenant.project_id, tenant.organization_id
    counted = yield f"select count(*) as n from leaderboards l where {_VISIBLE}", *ids
    rows = yield (
        f"{_SELECT} where {_VISIBLE}"
        f" order by case when l.project_id = $1 then 0 else 1 end, {_ORDERS[order, descending]}, l.id"
        " limit $3 offset $4",
        *ids,
        limit,
        offset,
    )
    return [leaderboard_of(row) for row in rows], int(counted[0]["n"])


def delete(tenant: Tenant, board_id: str) -> Transaction[bool]:
    """Delete one of the project's; False when it has none of that id."""
    rows = yield "delete from leaderboards where id = $1 and project_id = $2 returning id", board_id, tenant.project_id
    return bool(rows)


def leaderboard_of(row: Any) -> LeaderboardRecord:
    """The record of a row that has the organization's name."""
    return LeaderboardRecord(
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        name=row["name"],
        slug=row["slug"],
        description=row["description"],
        visibility=row["visibility"],
        filters=msgspec.json.decode(row["filters"], type=LeaderboardFilters),
        weight=row["weight"],
        featured=bool(row["featured"]),
        image_path=row["image_path"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        owner=row["owner"] or "",
    )


def _slug_taken(slug: str) -> Conflict:
    return Conflict(
        "leaderboard_exists", f"There is a leaderboard {slug!r} already. Change it, or choose another name or slug."
    )
