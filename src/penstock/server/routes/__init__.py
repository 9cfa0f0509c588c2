"""One file per resource. Each has a `router`, and `SCHEMAS`: the types its description refers to."""

from __future__ import annotations

from fastapi import APIRouter

from penstock.server.routes import health, keys

ROUTERS: tuple[APIRouter, ...] = (
    keys.router,
    health.router,
)

SCHEMAS: tuple[type, ...] = (*keys.SCHEMAS,)
