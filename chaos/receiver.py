"""A receiver of webhooks and of a flow's own requests: a process that logs what it gets, and sometimes refuses it.

python -m chaos.receiver --log hooks.jsonl

Paths: `/hook` takes everything, `/flaky` answers 503 to the first try of each message, `/orders` is called by flows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import TextIO

from aiohttp import web

from chaos.ledger import now_ms


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, required=True)
    arguments = parser.parse_args()
    with arguments.log.open("a", encoding="utf-8", buffering=1) as log:
        asyncio.run(_serve(log))


async def _serve(log: TextIO) -> None:
    runner = web.AppRunner(_app(log), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(json.dumps({"url": f"http://127.0.0.1:{runner.addresses[0][1]}"}), flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


def _app(log: TextIO) -> web.Application:
    refused: set[str] = set()

    async def receive(request: web.Request) -> web.Response:
        body = await request.text()
        message = request.headers.get("webhook-id") or request.headers.get("idempotency-key") or ""
        status = 200
        if request.path == "/flaky" and message not in refused:
            refused.add(message)
            status = 503
        headers = {name.lower(): value for name, value in request.headers.items()}
        line = {"at": now_ms(), "path": request.path, "id": message, "status": status, "headers": headers, "body": body}
        log.write(json.dumps(line) + "\n")
        return web.json_response({"ok": status == 200}, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receive)
    return app


class Receiver:
    """A running receiver. Leaving the `with` block ends it."""

    def __init__(self, log: Path) -> None:
        command = [sys.executable, "-m", "chaos.receiver", "--log", str(log)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the receiver did not start")
        self.url: str = json.loads(line)["url"]

    def __enter__(self) -> Receiver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


if __name__ == "__main__":
    main()
