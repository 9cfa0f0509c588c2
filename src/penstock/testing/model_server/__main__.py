"""The command `python -m penstock.testing.model_server`."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from penstock.testing.model_server.script import ScriptFile, read_script
from penstock.testing.model_server.server import State, serve


def main() -> None:
    arguments = _arguments()
    try:
        script = read_script(arguments.script.read_bytes()) if arguments.script else ScriptFile()
    except (OSError, msgspec.DecodeError) as error:
        sys.exit(f"{arguments.script}: {error}")
    log: BinaryIO | None = arguments.log.open("ab", buffering=0) if arguments.log else None
    try:
        state = State(script, arguments.delay_ms, log)
        with asyncio.Runner(loop_factory=_loop) as runner:
            runner.run(_run(state, arguments.host, arguments.port))
    finally:
        if log is not None:
            log.close()


async def _run(state: State, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ready: asyncio.Future[int] = loop.create_future()
    ready.add_done_callback(lambda done: _announce(host, done))
    await serve(state, host, port, stop, ready)


def _announce(host: str, ready: asyncio.Future[int]) -> None:
    if not ready.cancelled():
        print(msgspec.json.encode({"url": f"http://{host}:{ready.result()}"}).decode(), flush=True)


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m penstock.testing.model_server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="before every answer")
    parser.add_argument("--log", type=Path, help="JSON Lines, one for each answered call")
    parser.add_argument("--script", type=Path, help='JSON: {"rules": [...]}')
    return parser.parse_args()


if __name__ == "__main__":
    main()
