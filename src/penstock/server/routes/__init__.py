"""One file per resource. Each has a `router`, and `SCHEMAS`: the types its description refers to."""

from __future__ import annotations

from fastapi import APIRouter

from penstock.server.routes import datasets, docs, health, keys, models, prompts, secrets

ROUTERS: tuple[APIRouter, ...] = (
    datasets.router,
    prompts.router,
    models.router,
    secrets.router,
    keys.router,
    docs.router,
    health.router,
)

SCHEMAS: tuple[type, ...] = (
    *datasets.SCHEMAS,
    *prompts.SCHEMAS,
    *models.SCHEMAS,
    *secrets.SCHEMAS,
    *keys.SCHEMAS,
)
