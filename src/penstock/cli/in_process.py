"""HTTP without a network: requests go to an application in this process, and answers come as they are made.

httpx2 has such a transport too, which hands over an answer only when it is complete: nobody could follow a run by that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2
from starlette.types import ASGIApp, Message


class InProcessTransport(httpx2.AsyncBaseTransport):
    """A transport for `httpx2.AsyncClient` in front of an ASGI application that has been started."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        exchange = _Exchange(request)
        exchange.task = asyncio.create_task(exchange.run(self._app, _scope(request)))
        try:
            start = await exchange.next()
        except BaseException:
            await exchange.aclose()
            raise
        return httpx2.Response(start["status"], headers=start["headers"], stream=exchange)


class _Exchange(httpx2.AsyncByteStream):
    """One request and its answer. The application waits until what it has sent was taken."""

    task: asyncio.Task[None]

    def __init__(self, request: httpx2.Request) -> None:
        assert isinstance(request.stream, httpx2.AsyncByteStream)  # noqa: S101 - of an asynchronous client
        self._request = aiter(request.stream)
        self._sent: asyncio.Queue[Message | None] = asyncio.Queue(1)
        self._asking = True
        self._over = asyncio.Event()

    async def run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._sent.put)
        finally:
            self._over.set()
        await self._sent.put(None)

    async def next(self) -> Message:
        """The next message of the application. Raises what it raised."""
        taking = asyncio.create_task(self._sent.get())
        try:
            await asyncio.wait((taking, self.task), return_when=asyncio.FIRST_COMPLETED)
            if not taking.done():
                # It has ended by an error, else its last message would be there.
                await self.task
            message = await taking
        finally:
            taking.cancel()
        return message or {"type": "http.response.body"}

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            message = await self.next()
            if body := message.get("body", b""):
                yield body
            more = message.get("more_body", False)

    async def aclose(self) -> None:
        """The caller wants no more of the answer."""
        self._over.set()
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait((self.task,))

    async def _receive(self) -> Message:
        if self._asking:
            async for chunk in self._request:
                return {"type": "http.request", "body": chunk, "more_body": True}
            self._asking = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}


def _scope(request: httpx2.Request) -> dict[str, Any]:
    url = request.url
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": url.raw_path.partition(b"?")[0],
        "query_string": url.query,
        "server": (url.host, url.port),
        "client": ("127.0.0.1", 0),
        "root_path": "",
    }
