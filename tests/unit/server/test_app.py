"""The app in one process: keys that live with it, and errors that nobody foresaw."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from penstock.errors import Conflict, Invalid
from penstock.server.app import create_app, embedded_key
from penstock.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("PENSTOCK_API_KEY", "a-key-of-the-environment")
    return Settings(data_dir=tmp_path, synchronous="NORMAL")


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://embedded") as client:
        client.headers["X-API-Key"] = embedded_key(app)
        yield client


async def test_the_embedded_key_works_and_is_stored_nowhere(
    app: FastAPI, client: httpx2.AsyncClient, settings: Settings
) -> None:
    assert (await client.post("/keys", json={"name": "x", "scopes": ["admin"]})).status_code == 201
    with sqlite3.connect(settings.database_path) as connection:
        names = [name for (name,) in connection.execute("select name from keys")]
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert sorted(names) == ["PENSTOCK_API_KEY", "x"]
    assert embedded_key(app) not in dump


async def test_a_caller_in_this_process_is_not_a_caller_on_this_machine(app: FastAPI) -> None:
    transport = httpx2.ASGITransport(app, client=("203.0.113.9", 1))
    async with httpx2.AsyncClient(transport=transport, base_url="http://embedded") as stranger:
        assert (await stranger.get("/metrics")).status_code == 401


async def test_an_unforeseen_error_is_a_problem_and_is_logged_under_its_id(
    app: FastAPI, client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise RuntimeError("secret detail")

    app.add_api_route("/broken", broken)
    with caplog.at_level(logging.ERROR):
        answer = await client.get("/broken", headers={"X-Request-ID": "case-7"})
    assert (answer.status_code, answer.json()["code"], answer.json()["requestId"]) == (500, "internal_error", "case-7")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret detail" not in answer.text
    assert "case-7" in caplog.text
    assert "secret detail" in caplog.text


async def test_a_start_that_fails_gives_the_folder_back(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = create_app(settings)
    monkeypatch.setenv("PENSTOCK_API_KEY", "short")
    with pytest.raises(Invalid):
        async with refused.router.lifespan_context(refused):
            pass
    monkeypatch.delenv("PENSTOCK_API_KEY")
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        assert app.state.running.first_start.key is not None


async def test_one_process_at_a_time(app: FastAPI, settings: Settings) -> None:
    second = create_app(settings)
    with pytest.raises(Conflict, match=str(settings.data_dir)):
        async with second.router.lifespan_context(second):
            pass
