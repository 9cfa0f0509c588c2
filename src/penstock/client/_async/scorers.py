"""Scorers: what an answer is worth."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock.client import calls
from penstock.client._async.transport import AsyncTransport
from penstock.client.scorer_objects import Scorer, ScorerTried, ScorerType


class AsyncScorers:
    """`client.scorers`. A saved scorer is named by its id or its name.

    A *definition* is a type (`"exact"`), or `{"type": …}` with its settings.
    """

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, name: str, definition: str | Mapping[str, Any], *, description: str = "") -> Scorer:
        """Save a new scorer. Raises BadRequestError naming each fault, ConflictError when the name is taken."""
        body = {"name": name, "definition": definition, "description": description}
        return await self._transport.fetch(calls.post("/scorers", body), Scorer)

    async def update(self, scorer: str, changes: Mapping[str, Any]) -> Scorer:
        """Change its `name`, `description` or `definition`; another definition makes a new version."""
        return await self._transport.fetch(calls.patch(_path(scorer), changes), Scorer)

    async def get(self, scorer: str, version: int | None = None) -> Scorer:
        """One scorer at its latest version, or the one given. Raises NotFoundError."""
        return await self._transport.fetch(calls.get(_path(scorer), version=version), Scorer)

    def list(self) -> AsyncIterator[Scorer]:
        """Every saved scorer of the project, by name."""
        return self._transport.pages("/scorers", Scorer)

    def types(self) -> AsyncIterator[ScorerType]:
        """Every type of scorer that the server knows, by name."""
        return self._transport.pages("/scorers/types", ScorerType)

    async def test(self, scorer: str | Mapping[str, Any], output: Any, **row: Any) -> ScorerTried:
        """Try a definition, or a saved scorer, on one answer. `row` is what else there is of the row: `input`,
        `truth`, `context`, `metadata`. What goes wrong while scoring is an outcome, and nothing is raised."""
        body = {"scorer": scorer, "sample": {"output": output, **row}}
        return await self._transport.fetch(calls.post("/scorers/test", body, repeatable=True), ScorerTried)

    async def delete(self, scorer: str) -> None:
        """Delete a scorer with its versions. Evaluations keep what they need of it."""
        await self._transport.send(calls.delete(_path(scorer)))


def _path(scorer: str) -> str:
    return f"/scorers/{calls.segment(scorer)}"
