"""`penstock up`, `serve` and `worker`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.connect import settings_at

if TYPE_CHECKING:
    from penstock.settings import Settings

_host = click.option("--host", help="The address to listen on; 127.0.0.1 by default.")
_port = click.option("--port", type=click.IntRange(0, 65535), help="The port; 7788 by default, 0 for any free one.")
_data = click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), help="The data folder; ~/.penstock by default."
)


@click.command()
@_host
@_port
@_data
def up(host: str | None, port: int | None, data: Path | None) -> None:
    """Start the server and a worker in one process.

    The first start makes an organization, a project and an admin key: the value of PENSTOCK_API_KEY when that is set,
    else a new one, printed once.
    """
    from penstock.server.main import serve as run_server

    _guarded(lambda: run_server(_settings(host, port, data), worker=True))


@click.command()
@_host
@_port
@_data
def serve(host: str | None, port: int | None, data: Path | None) -> None:
    """Start the server alone; workers run elsewhere."""
    from penstock.server.main import serve as run_server

    _guarded(lambda: run_server(_settings(host, port, data), worker=False))


@click.command()
@_data
def worker(data: Path | None) -> None:
    """Start a worker alone."""
    from penstock.server.main import work

    _guarded(lambda: work(_settings(None, None, data)))


def _settings(host: str | None, port: int | None, data: Path | None) -> Settings:
    settings = settings_at(data)
    return replace(settings, host=host or settings.host, port=settings.port if port is None else port)


def _guarded(start: Callable[[], None]) -> None:
    """A start that is refused (a data folder in use, a store that is newer) is told in a sentence."""
    from penstock.cli.output import show_error
    from penstock.errors import Problem

    try:
        start()
    except (Problem, OSError, ValueError) as fault:
        show_error(fault, as_json=False)
        click.get_current_context().exit(1)
