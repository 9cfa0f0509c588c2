"""Judges: what a model is to look for in traces and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock.client import calls
from penstock.client._async.transport import AsyncPages, AsyncTransport
from penstock.client.judge_objects import Judge, JudgeVersion


class AsyncJudges:
    """`client.judges`. A judge is named by its id or its name."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, name: str, evaluation_goal: str, settings: Mapping[str, Any] | None = None) -> Judge:
        """Make a judge. `settings` may say `rubric`, `model`, `output`, `threshold`, `turns` and `params`.

        Raises BadRequestError naming each fault, ConflictError when the name is taken.
        """
        body = {"name": name, "evaluationGoal": evaluation_goal, **(settings or {})}
        return await self._transport.fetch(calls.post("/judges", body), Judge)

    async def update(self, judge: str, changes: Mapping[str, Any]) -> Judge:
        """Change its `name`, `evaluationGoal` or any setting; what is different makes a new version."""
        return await self._transport.fetch(calls.patch(_path(judge), changes), Judge)

    async def get(self, judge: str) -> Judge:
        """One judge in its latest version. Raises NotFoundError."""
        return await self._transport.fetch(calls.get(_path(judge)), Judge)

    def list(self) -> AsyncPages[Judge]:
        """Every judge of the project, by name."""
        return self._transport.pages("/judges", Judge)

    def ready_made(self) -> AsyncPages[Judge]:
        """The judges that come with Penstock, by name."""
        return self._transport.pages("/judges", Judge, readyMade="true")

    def versions(self, judge: str) -> AsyncIterator[JudgeVersion]:
        """The versions of a judge, newest first."""
        return self._transport.pages(f"{_path(judge)}/versions", JudgeVersion)

    async def delete(self, judge: str) -> None:
        """Delete a judge; its name is free again, and what it has said stays."""
        await self._transport.send(calls.delete(_path(judge)))


def _path(judge: str) -> str:
    return f"/judges/{calls.segment(judge)}"
