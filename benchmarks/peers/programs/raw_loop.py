"""The limit: one process that calls a model and throws the answer away; no engine, no store.

    raw_loop.py aiohttp|pyreqwest URL CALLS CONCURRENCY

Prints `{"seconds", "cpu_ms", "peak_rss_mb"}` as JSON, of the calls after a first round that opens the connections.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import uvloop

Ask = Callable[[bytes], Awaitable[bytes]]
TYPE = "application/json"


@asynccontextmanager
async def with_aiohttp(url: str) -> AsyncIterator[Ask]:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(body: bytes) -> bytes:
            async with session.post(url, data=body, headers={"Content-Type": TYPE}) as response:
                response.raise_for_status()
                return await response.read()

        yield ask


@asynccontextmanager
async def with_pyreqwest(url: str) -> AsyncIterator[Ask]:
    from pyreqwest.client import ClientBuilder

    async with ClientBuilder().error_for_status(True).build() as client:

        async def ask(body: bytes) -> bytes:
            response = await client.post(url).header("Content-Type", TYPE).body_bytes(body).build().send()
            return bytes(await response.bytes())

        yield ask


async def loop(ask: Ask, calls: int, concurrency: int) -> None:
    numbers = iter(range(calls))
    decoder = msgspec.json.Decoder()

    async def caller() -> None:
        for number in numbers:
            messages = [{"role": "user", "content": f"Say something about item {number}."}]
            body = msgspec.json.encode({"model": "scripted", "messages": messages})
            answer = decoder.decode(await ask(body))
            if not answer["choices"][0]["message"]["content"]:
                raise RuntimeError("an empty answer")

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(caller())


async def main(client: str, url: str, calls: int, concurrency: int) -> None:
    opened = {"aiohttp": with_aiohttp, "pyreqwest": with_pyreqwest}[client]
    async with opened(url) as ask:
        await loop(ask, concurrency, concurrency)
        begun, cpu = time.perf_counter(), time.process_time()
        await loop(ask, calls, concurrency)
        seconds, used = time.perf_counter() - begun, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu_ms": used * 1000, "peak_rss_mb": peak_mb}))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
