"""Opens the SDK: on a server over HTTP, or on an engine inside this process, over no port at all."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from fastapi import FastAPI

    from penstock import AsyncPenstock
    from penstock.settings import Settings

EMBEDDED_URL = "http://embedded.penstock"


@dataclass(frozen=True)
class Place:
    """Where a command works: a server's URL, or none, and then the data folder of this machine."""

    url: str | None
    data: Path | None

    @property
    def embedded(self) -> bool:
        """Whether the engine runs inside this process."""
        return self.url is None

    def flags(self) -> str:
        """The options that bring another command to the same place, with a space before."""
        if self.url is not None:
            return f" --url {self.url}" if self.url != os.environ.get("PENSTOCK_URL") else ""
        return f" --data {self.data}" if self.data is not None else ""


def place_of(url: str | None, data: Path | None) -> Place:
    """The place that the options and `PENSTOCK_URL` name. An explicit data folder means this machine."""
    if url is None and data is None:
        url = os.environ.get("PENSTOCK_URL") or None
    return Place(url, data)


def settings_at(data: Path | None) -> Settings:
    """The settings of the environment, with this data folder where one is given. Raises UsageError naming the fault."""
    from penstock.settings import settings_from_environment

    try:
        settings = settings_from_environment()
    except ValueError as fault:
        raise click.UsageError(f"the environment: {fault}") from None
    return settings if data is None else replace(settings, data_dir=data)


@asynccontextmanager
async def connect(place: Place, *, worker: bool) -> AsyncIterator[AsyncPenstock]:
    """A client at that place. Embedded, the engine starts before and stops after, and runs executions if `worker`.

    Raises penstock.errors.Conflict when another process owns the data folder.
    """
    from penstock import AsyncPenstock

    if place.url is not None:
        async with AsyncPenstock(place.url) as client:
            yield client
        return

    from penstock.cli.in_process import InProcessTransport
    from penstock.server.app import embedded_key

    async with embedded_app(place.data, worker=worker) as app:
        transport = InProcessTransport(app)
        async with AsyncPenstock(EMBEDDED_URL, embedded_key(app), transport=transport, max_retries=0) as client:
            yield client


@asynccontextmanager
async def embedded_app(data: Path | None, *, worker: bool) -> AsyncIterator[FastAPI]:
    """The web application around an engine on the data folder of this machine, started; it is stopped at the end."""
    from penstock.server.app import create_app

    app = create_app(settings_at(data), worker=worker, embedded=True)
    async with app.router.lifespan_context(app):
        yield app
