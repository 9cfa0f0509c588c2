"""The web application: every route, around one engine that lives as long as the app's lifespan."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.alias_generators import to_camel
from starlette.middleware import Middleware

from penstock.accounts.keys import Accounts
from penstock.accounts.members import Members
from penstock.executions.events import Feeds
from penstock.server import openapi, problems, sse, stratix
from penstock.server.auth import Running
from penstock.server.edge import Edge
from penstock.server.interface import Interface
from penstock.server.metrics import Metrics
from penstock.server.rate_limits import RateLimits
from penstock.server.routes import ROUTERS, SCHEMAS
from penstock.server.uploads import discard_leftovers
from penstock.settings import Settings


def create_app(settings: Settings, *, worker: bool = True, embedded: bool = False) -> FastAPI:
    """The app. Its lifespan opens and starts the engine, and stops it; `worker=False` runs no batch executions.

    `embedded` is for a process that serves only itself, without a port, under an ASGI transport. Starting raises
    `Unavailable` when the store cannot be used, and `Conflict` when another process has the data folder.
    """
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with _running(settings, metrics, worker=worker, embedded=embedded) as running:
            app.state.running = running
            yield

    app = FastAPI(
        title="Penstock",
        version=version("penstock"),
        lifespan=lifespan,
        middleware=[Middleware(Edge, metrics=metrics), Middleware(Interface)],
        # The description and its page are routes of our own: FastAPI's need a CDN.
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: to_camel(route.name),
    )
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount(stratix.BASE, stratix.face())
    app.state.api_pages = {}
    described = cache(lambda: openapi.build(app, api_routes(), SCHEMAS))
    app.openapi = described  # type: ignore[method-assign]
    return app


def embedded_key(app: FastAPI) -> str:
    """After start-up: an admin key of the default project for this process alone, kept in memory only."""
    running: Running = app.state.running
    return running.embedded_key


def api_routes() -> Iterator[APIRoute]:
    """Every route that the description lists."""
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.include_in_schema:
                yield route


@asynccontextmanager
async def _running(settings: Settings, metrics: Metrics, *, worker: bool, embedded: bool) -> AsyncIterator[Running]:
    from penstock.engine import Engine

    url = None if embedded else f"http://{settings.host}:{settings.port}"
    engine = await Engine.open(settings, worker=worker, url=url, on_flush=metrics.flushed)
    try:
        accounts = Accounts(engine.store)
        first = await accounts.first_start(os.environ.get("PENSTOCK_API_KEY") or None, make_key=not embedded)
        rate_limits = RateLimits(engine.limits.of, settings.limits.requests_per_minute)
        feeds = Feeds(engine.store, engine.dispatcher, engine.executions, sse.wire(settings.limits))
        streams = sse.Streams(settings.limits.max_event_streams)
        embedded_key = accounts.embed(first.tenant)
        members = Members(engine.store, accounts)
        running = Running(
            settings, metrics, engine, accounts, members, rate_limits, first, embedded_key, feeds=feeds, streams=streams
        )
        await asyncio.to_thread(discard_leftovers, running.uploads)
        await engine.start(fires_schedules=not embedded)
        try:
            yield running
        finally:
            await feeds.close()
            await accounts.close()
    finally:
        await engine.stop()
