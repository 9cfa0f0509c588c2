"""The server process: takes its port, starts the app, and ends within 10 s of being asked to."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any

import uvicorn
from fastapi import FastAPI

from penstock.errors import Problem
from penstock.server.app import create_app
from penstock.server.auth import Running
from penstock.settings import Settings

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
"""Longer than clients and proxies keep idle connections, so that it is not the server who closes one in use."""
CONNECTION_GRACE_SECONDS = 1
"""How long open downloads may go on after a signal. The rest of the 10 s is the engine's, for its steps."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(settings: Settings, *, worker: bool = True) -> None:
    """Serve the API until SIGTERM or SIGINT; `worker=False` leaves batch executions to other processes.

    Prints the address, where the interface and the documentation are, and on the very first start the admin key.
    Raises SystemExit (1) with a sentence for people when the port is taken (then nothing has been touched) or the store
    cannot be used.
    """
    _log_to_stderr()
    _allow_many_connections()
    listener = _listen(settings.host, settings.port)
    with listener:
        _run(_serve(settings, listener, worker=worker))


def work(settings: Settings) -> None:
    """Run executions without an API, until SIGTERM or SIGINT. Raises SystemExit (1) when the store cannot be used."""
    _log_to_stderr()
    _run(_work(settings))


def _allow_many_connections() -> None:
    """Each connection takes a file descriptor, and the usual soft limit of 1,024 is only for old programs."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # macOS says that there is no limit and then takes no such number.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(settings: Settings, listener: socket.socket, *, worker: bool) -> None:
    app = create_app(settings, worker=worker)
    asked = asyncio.Event()
    # Also while it starts: a signal in that moment is answered as soon as there is something to stop.
    with _on_signals(asked.set):
        async with app.router.lifespan_context(app):
            _calm_the_collector()
            running: Running = app.state.running
            server = _Server(_configuration(app))
            stopper = asyncio.create_task(_stop_when(asked, server, running))
            _announce(settings, listener, running)
            await server.serve(sockets=[listener])
            stopper.cancel()


async def _stop_when(asked: asyncio.Event, server: uvicorn.Server, running: Running) -> None:
    """Take no more requests, and let those that wait for an execution be answered now."""
    await asked.wait()
    server.should_exit = True
    running.interrupt_waiters()


async def _work(settings: Settings) -> None:
    from penstock.engine import Engine

    engine = await Engine.open(settings, worker=True)
    asked = asyncio.Event()
    with _on_signals(asked.set):
        try:
            await engine.start()
            _calm_the_collector()
            print("Penstock worker is running.", flush=True)
            await asked.wait()
        finally:
            await engine.stop()


def _calm_the_collector() -> None:
    """Garbage collection for a process with many small, short-lived objects, most of them freed by counting alone.

    What was loaded at start is never looked at again, and a look comes after 20,000 new objects rather than 700:
    measured, a fifth less CPU for each item.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


class _Server(uvicorn.Server):
    """uvicorn's server under our signals and our lifespan: the engine must still stop after the last request."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again once it has stopped serving, before the engine has parked its work.
        yield


def _configuration(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=BACKLOG,
        timeout_graceful_shutdown=CONNECTION_GRACE_SECONDS,
    )


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main)
    except Problem as problem:
        raise SystemExit(f"Penstock cannot start: {problem.detail}") from None


def _loop_factory() -> Any:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


@contextmanager
def _on_signals(action: Callable[[], None]) -> Iterator[None]:
    """Call `action` for SIGINT and SIGTERM. A second one changes nothing: the end is on its way, and has a limit."""
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, action)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _listen(host: str, port: int) -> socket.socket:
    """The listening socket, taken before anything else is touched."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise SystemExit(f"Penstock cannot listen on {host!r}: {error.strerror}.") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise SystemExit(
            f"Penstock cannot listen on {host}:{port}: {error.strerror}. "
            "Stop what uses the port, or choose another with --port."
        ) from None
    return listener


def _announce(settings: Settings, listener: socket.socket, running: Running) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{listener.getsockname()[1]}"
    print(f"Penstock {version('penstock')} is listening on {address}")
    print(f"Web interface: {address}/")
    print(f"API documentation: {address}/docs")
    if running.first_start.key is not None:
        print(f"Admin key, shown this once, so keep it: {running.first_start.key}")
    sys.stdout.flush()


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
