"""An answer that is lost after the work was done: the client sends the same POST again, and nothing is done twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from penstock.models.public import public_id
from penstock.server.app import create_app, embedded_key
from penstock.server.stratix import evaluations
from penstock.settings import Settings


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[FastAPI]:
    made = create_app(Settings(data_dir=tmp_path), embedded=True)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app)
    headers = {"x-api-key": embedded_key(app)}
    async with httpx2.AsyncClient(transport=transport, base_url="http://x/api/v1", headers=headers) as made:
        yield made


async def test_the_first_evaluation_is_returned_again(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = (await client.get("/organizations")).json()["data"]
    project = f"/organizations/{found['id']}/projects/{found['projects'][0]['id']}"
    datasets = (await client.get("/datasets")).json()["datasets"]
    body = [{"model_id": public_id("scripted/echo"), "dataset_id": datasets[0]["id"]}]
    show, lost = evaluations.shown, iter([True, False, False])

    async def losing(*given: Any) -> Any:
        if next(lost):
            raise RuntimeError("the answer cannot be written")
        return await show(*given)

    monkeypatch.setattr(evaluations, "shown", losing)
    answers = [await client.post(f"{project}/evaluations", json=body) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 200, 200]
    assert answers[0].json()["error"]["code"] == "internal_error"
    first, second = (answer.json()["data"][0]["id"] for answer in answers[1:])
    listed = (await client.get("/evaluations")).json()
    assert {one["id"] for one in listed["evaluations"]} == {first, second}
    assert listed["total_count"] == 2
