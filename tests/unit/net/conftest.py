"""Servers that misbehave on purpose, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from penstock.net.client import GuardedClient
from penstock.net.policy import EgressPolicy

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
StartServer = Callable[[Talk], Awaitable[str]]


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    """A client of an operator who allowed loopback."""
    guarded = GuardedClient(EgressPolicy(allowed_networks=("127.0.0.0/8",)))
    yield guarded
    await guarded.close()


@pytest.fixture
async def raw_server() -> AsyncIterator[StartServer]:
    """Starts servers that read one request head and then do what `talk` does with the connection."""
    async with AsyncExitStack() as stack:

        async def start(talk: Talk) -> str:
            conversations: set[asyncio.Task[None]] = set()

            async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.current_task()
                assert task is not None
                conversations.add(task)
                try:
                    await reader.readuntil(b"\r\n\r\n")
                    await talk(reader, writer)
                except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                    pass
                finally:
                    conversations.discard(task)
                    writer.close()

            async def stop() -> None:
                server.close()
                for task in list(conversations):
                    task.cancel()
                await asyncio.gather(*conversations, return_exceptions=True)
                await server.wait_closed()

            server = await asyncio.start_server(converse, "127.0.0.1", 0)
            stack.push_async_callback(stop)
            return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

        yield start
