# Made from ../_async by scripts/unasync.py: change it there.
"""Leaderboards: which models do best on which benchmarks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from penstock.client import calls
from penstock.client._sync.transport import Transport
from penstock.client.evaluation_objects import Leaderboard, LeaderboardTable, LeaderboardTables

LeaderboardFilters = Mapping[Literal["models", "benchmarks"], Mapping[str, Sequence[str]]]


class Leaderboards:
    """`client.leaderboards`. A leaderboard is named by its id or its slug."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        *,
        slug: str | None = None,
        description: str = "",
        visibility: Literal["private", "tenant", "public"] = "private",
        filters: LeaderboardFilters | None = None,
    ) -> Leaderboard:
        """Rank what the project has evaluated, and will.

        `filters` choose: `{"models": {"ids": […], "vendors": […], "regions": […]}, "benchmarks": {"ids": […],
        "categories": […], "languages": […]}}`; without them everything is ranked. A `tenant` one is seen by the
        organization's projects, a `public` one by every key of the server.
        """
        body: dict[str, Any] = {"name": name, "description": description, "visibility": visibility}
        given = {"slug": slug, "filters": filters}
        body |= {key: value for key, value in given.items() if value is not None}
        return self._transport.fetch(calls.post("/leaderboards", body), Leaderboard)

    def get(self, leaderboard: str) -> Leaderboard:
        """One leaderboard. Raises NotFoundError."""
        return self._transport.fetch(calls.get(_path(leaderboard)), Leaderboard)

    def entries(self, leaderboard: str) -> tuple[LeaderboardTable, ...]:
        """Its rankings, one for each benchmark and scorer."""
        return (self._transport.fetch(calls.get(f"{_path(leaderboard)}/entries"), LeaderboardTables)).tables

    def list(self, *, sort: Literal["weight", "name", "created"] = "weight") -> Iterator[Leaderboard]:
        """Those this project may see, its own first."""
        return self._transport.pages("/leaderboards", Leaderboard, sort=sort)

    def update(self, leaderboard: str, changes: Mapping[str, Any]) -> Leaderboard:
        """Change parts of it, by their names on the wire: `{"visibility": "public", "weight": 10}`."""
        return self._transport.fetch(calls.patch(_path(leaderboard), changes), Leaderboard)

    def delete(self, leaderboard: str) -> None:
        """Delete a leaderboard. The evaluations stay."""
        self._transport.send(calls.delete(_path(leaderboard)))


def _path(leaderboard: str) -> str:
    return f"/leaderboards/{calls.segment(leaderboard)}"
