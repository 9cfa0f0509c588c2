"""Several projects with a key each, and what they need to run: a priced model, the flows, a data set, a benchmark."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx2

from chaos import flows
from penstock.accounts.keys import Accounts
from penstock.accounts.organizations import create_organization, create_project
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore


@dataclass(frozen=True)
class Tenant:
    """A project and its admin key."""

    name: str
    project_id: str
    key: str = field(repr=False)


async def make_tenants(database: Path, count: int) -> list[Tenant]:
    """Write projects into a store that nobody serves yet."""
    database.parent.mkdir(parents=True, exist_ok=True)
    store = SqliteStore(database)
    try:
        await migrate(store)
        accounts = Accounts(store)
        await accounts.first_start(None, make_key=False)
        made = []
        for number in range(count):
            organization = await create_organization(store, f"organization {number}")
            tenant = await create_project(store, organization, "chaos")
            new = await accounts.create(tenant, "chaos", ("admin",))
            made.append(Tenant(f"tenant-{number}", tenant.project_id, new.key))
        await accounts.close()
        return made
    finally:
        await store.close()


async def furnish(client: httpx2.AsyncClient, model_url: str, receiver_url: str, draw: Random) -> str:
    """Give a project all it needs, and a webhook endpoint; the secret that the endpoint's messages have."""
    model = {
        "name": flows.MODEL,
        "provider": "openai",
        "baseUrl": f"{model_url}/v1",
        "apiKey": "k",
        "modelName": "scripted",
        "pricing": flows.PRICING,
    }
    await _made(client, "/models", json=model)
    rows = [{"mood": draw.choice(flows.MIXED)} for _ in range(flows.DATASET_ROWS)]
    await _made(client, "/datasets", json={"name": flows.DATASET, "rows": rows})
    await _made(client, "/benchmarks", json={"key": flows.BENCHMARK, "rows": flows.questions(draw)})
    for document in flows.documents(receiver_url).values():
        await _made(client, "/flows", content=document, headers={"content-type": "application/yaml"})
    endpoint = await _made(client, "/webhooks/endpoints", json={"url": f"{receiver_url}/told"})
    secret = await client.get(f"/webhooks/endpoints/{endpoint['id']}/secret")
    return str(secret.json()["secret"])


async def _made(client: httpx2.AsyncClient, path: str, **request: Any) -> dict[str, Any]:
    answer = await client.post(path, **request)
    if answer.status_code != 201:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
    body: dict[str, Any] = answer.json()
    return body
