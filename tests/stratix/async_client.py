"""The same client in a loop: it sends the same calls, and reads their answers by the same rules."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self, TypeVar

import httpx2

from . import shapes
from .calls import Call, Calls
from .client import EVERYTHING, success

T = TypeVar("T")


class AsyncClient:
    """`async with AsyncClient(server, key) as client: await client.do(client.calls.traces())`"""

    def __init__(self, server: str, key: str) -> None:
        headers = {**EVERYTHING, "x-api-key": key}
        self._http = httpx2.AsyncClient(base_url=f"{server}/api/v1", headers=headers, timeout=60)
        self.calls = Calls("")

    async def __aenter__(self) -> Self:
        found = success(await self._http.get("/organizations"))["data"]
        mine = shapes.Organization.model_validate(found)
        self.calls = Calls(f"/organizations/{mine.id}/projects/{mine.projects[0].id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def do(self, call: Call[T]) -> T:
        """Send a call, and read its answer as the client does."""
        return call.read(success(await self._http.request(call.method, call.path, **call.what)))

    async def upload_traces(self, name: str, content: str) -> list[str]:
        """The ids of the traces in a file, in order."""
        url = await self.do(self.calls.announce(name, len(content)))
        async with httpx2.AsyncClient(timeout=60) as plain:
            put = await plain.put(url, content=content.encode(), headers={"Content-Type": "application/json"})
        put.raise_for_status()
        return await self.do(self.calls.create_traces(name))

    async def wait_for_verdict(self, evaluation_id: str) -> shapes.TraceEvaluationResult:
        """The result when it has come."""
        async with asyncio.timeout(60):
            while not (await self.do(self.calls.trace_evaluation(evaluation_id))).finished:
                await asyncio.sleep(0.05)
        return await self.do(self.calls.verdict(evaluation_id))
