"""A reader of an execution's events who loses the connection now and then, and goes on from the last number it saw."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx2

from chaos.stage import Stage


@dataclass
class Watcher:
    """Follows one execution to its `done`. `seen` are the numbers of its status and item events, in order."""

    stage: Stage
    execution: str
    seen: list[int] = field(default_factory=list)

    async def watch(self) -> None:
        """Read until `done`, over any number of connections; then, or when cut off, note what was seen."""
        ended = False
        try:
            while not ended:
                with contextlib.suppress(httpx2.TransportError, TimeoutError):
                    ended = await self._read_some()
                await asyncio.sleep(0.1)
        finally:
            self.stage.ledger.note("stream", execution=self.execution, seen=self.seen, ended=ended)

    async def _read_some(self) -> bool:
        """One connection, which this side may drop after a few events; whether the stream came to its end."""
        draw = self.stage.draw
        patience = draw.choice((None, 1, 5, 20))
        headers = {"Last-Event-ID": str(self.seen[-1])} if self.seen else {}
        path = f"/executions/{self.execution}/events"
        async with self.stage.client.stream("GET", path, headers=headers, timeout=30) as answer:
            if answer.status_code != 200:
                return answer.status_code == 404
            async for name, number in _events(answer):
                if name in ("done", "gone"):
                    return True
                if number is not None:
                    self.seen.append(number)
                if patience is not None and (patience := patience - 1) == 0:
                    return False
        return False


async def _events(answer: httpx2.Response) -> AsyncIterator[tuple[str, int | None]]:
    """Name and number of each event."""
    name, number = "message", None
    async for line in answer.aiter_lines():
        if not line:
            yield name, number
            name, number = "message", None
        elif line.startswith("event:"):
            name = line.removeprefix("event:").strip()
        elif line.startswith("id:"):
            number = int(line.removeprefix("id:"))
