"""Saved models: named three ways, with parameters of their own, tried before they are kept, and gone without a trace
that would break what refers to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from penstock.accounts.project_sets import ProjectSets
from penstock.errors import Conflict, Invalid, NotFound, StepError, Unprocessable
from penstock.models.catalog import Catalog
from penstock.models.gateway import Gateway
from penstock.models.meter import Meter, Reservation
from penstock.models.probe import save_model
from penstock.models.usage import Amounts
from penstock.models.wire import Message, ModelRequest
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.types import Tenant

MINE = {"name": "My model", "key": "team/mine-1.0", "provider": "scripted", "modelName": "echo"}


class Server(ThreadingHTTPServer):
    """Chat completions at `/v1/chat/completions`, nothing elsewhere. `bodies` are what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.bodies: list[Any] = []


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Server)
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        known = self.path == "/v1/chat/completions"
        if known:
            self.server.bodies.append(body)
        reply = json.dumps({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}).encode()
        self.send_response(200 if known else 404)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *parts: object) -> None:
        """Quiet."""


@pytest.fixture(scope="module")
def _server() -> Iterator[Server]:
    with Server() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def wire(_server: Server) -> Server:
    _server.bodies.clear()
    return _server


def on(server: Server, **more: Any) -> dict[str, Any]:
    return {"name": "wired", "provider": "openai", "modelName": "m", "baseUrl": server.url, **more}


async def ask(gateway: Gateway, tenant: Tenant, model: str = "wired", **params: Any) -> str:
    request = ModelRequest(model, (Message("user", "hello"),), params)
    return (await gateway.complete(tenant, request, Meter())).text


async def test_a_model_is_named_by_id_name_or_key(catalog: Catalog, tenant: Tenant) -> None:
    saved = await catalog.create(tenant, MINE)
    for reference in (saved.id, "My model", "team/mine-1.0"):
        assert (await catalog.get(tenant, reference)).id == saved.id
        assert (await catalog.resolve(tenant, reference)).model == "echo"


async def test_a_key_is_taken_once(catalog: Catalog, tenant: Tenant) -> None:
    await catalog.create(tenant, MINE)
    with pytest.raises(Conflict, match=r"team/mine-1\.0"):
        await catalog.create(tenant, {**MINE, "name": "another"})
    await catalog.create(tenant, {**MINE, "name": "another", "key": None})
    await catalog.create(tenant, {**MINE, "name": "a third", "key": None})
    with pytest.raises(Conflict):
        await catalog.update(tenant, "another", {"key": "team/mine-1.0"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("key", "Upper"),
        ("key", "with space"),
        ("key", "a" * 257),
        ("name", "ends with a space "),
        ("name", "a\nb"),
        ("name", "a" * 257),
        ("description", "a" * 501),
        ("maxTokens", 0),
        ("extraPayload", {"messages": []}),
        ("extraPayload", {"model": "other"}),
        ("extraPayload", {"stream": True}),
        ("extraPayload", {"x": "y" * 70_000}),
        ("extraPayload", [1]),
    ],
)
async def test_what_cannot_be_is_refused_by_its_name(catalog: Catalog, tenant: Tenant, field: str, value: Any) -> None:
    with pytest.raises(Invalid) as caught:
        await catalog.create(tenant, {**MINE, field: value})
    assert {error.path.partition(".")[0] for error in caught.value.errors} == {field}


async def test_of_a_key_only_the_beginning_is_shown_and_of_a_short_one_nothing(
    catalog: Catalog, tenant: Tenant
) -> None:
    long = await catalog.create(tenant, {**MINE, "apiKey": "sk-0123456789abcdef"})
    short = await catalog.create(tenant, {**MINE, "name": "b", "key": "b", "apiKey": "sk-01234"})
    assert (long.api_key_hint, short.api_key_hint) == ("sk-0…", "…")
    assert "0123" not in str(long.as_json())
    renamed = await catalog.update(tenant, long.id, {"name": "c"})
    assert (renamed.api_key_hint, renamed.has_api_key) == ("sk-0…", True)
    assert (await catalog.update(tenant, long.id, {"apiKey": None})).api_key_hint is None


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
async def test_an_address_may_be_given_in_any_form(gateway: Gateway, tenant: Tenant, wire: Server, ending: str) -> None:
    await gateway.catalog.create(tenant, on(wire, baseUrl=wire.url + ending))
    assert await ask(gateway, tenant) == "yes"


async def test_the_payload_of_a_model_goes_with_every_call_and_the_calls_own_wins(
    gateway: Gateway, tenant: Tenant, wire: Server
) -> None:
    payload = {"top_p": 0.1, "temperature": 0, "provider": {"order": ["a"], "zdr": True}}
    await gateway.catalog.create(tenant, on(wire, extraPayload=payload, maxTokens=64))
    await ask(gateway, tenant)
    await ask(gateway, tenant, topP=0.9, maxTokens=5, provider={"order": ["b"]})
    message = [{"role": "user", "content": "hello"}]
    assert wire.bodies == [
        {"model": "m", "messages": message, "max_tokens": 64, **payload},
        {
            "model": "m",
            "messages": message,
            "top_p": 0.9,
            "temperature": 0,
            "max_tokens": 5,
            "provider": {"order": ["b"], "zdr": True},
        },
    ]


class Limited(Meter):
    """A meter with a budget that remembers what was reserved."""

    limited = True
    reserved = Amounts()

    async def reserve(self, worst: Amounts) -> Reservation:
        self.reserved = worst
        return await super().reserve(worst)


async def test_a_budget_reserves_what_the_model_allows_itself(gateway: Gateway, tenant: Tenant, wire: Server) -> None:
    await gateway.catalog.create(tenant, on(wire, maxTokens=1_000_000))
    meter = Limited()
    await gateway.complete(tenant, ModelRequest("wired", (Message("user", "x"),)), meter)
    assert meter.reserved.tokens > 1_000_000
    assert wire.bodies[0]["max_tokens"] == 1_000_000


async def test_a_probe_tells_how_it_went_and_saves_in_any_case(gateway: Gateway, tenant: Tenant, wire: Server) -> None:
    good = await save_model(gateway, tenant, on(wire, probe=True))
    assert good.probe is not None
    assert good.probe.error is None
    assert wire.bodies[0]["max_tokens"] == 1
    bad = await save_model(gateway, tenant, on(wire, name="bad", baseUrl=f"{wire.url}/nowhere/v1", probe=True))
    assert bad.as_json()["probe"]["ok"] is False  # type: ignore[index,call-overload]
    assert (await gateway.catalog.get(tenant, "bad")).name == "bad"


async def test_a_model_that_must_answer_is_saved_only_if_it_does(
    gateway: Gateway, tenant: Tenant, wire: Server
) -> None:
    with pytest.raises(Unprocessable, match="404"):
        await save_model(gateway, tenant, on(wire, baseUrl=f"{wire.url}/nowhere/v1", requireProbe=True))
    with pytest.raises(Unprocessable, match="OPENAI_API_KEY"):
        await save_model(gateway, tenant, {"name": "x", "provider": "openai", "modelName": "m", "requireProbe": True})
    assert await gateway.catalog.list(tenant) == []
    assert (await save_model(gateway, tenant, on(wire, requireProbe=True))).model.name == "wired"


async def test_a_withdrawn_model_is_saved_with_a_warning(gateway: Gateway, tenant: Tenant) -> None:
    given = {"name": "old", "provider": "gemini", "modelName": "gemini-2.0-flash"}
    assert "deprecated" in (await save_model(gateway, tenant, given)).warnings[0]
    assert (await save_model(gateway, tenant, {**MINE, "provider": "scripted"})).warnings == ()


async def used(store: SqliteStore, tenant: Tenant, target: str) -> None:
    await store.write(
        rows_of(
            "insert into evaluations (id, organization_id, project_id, execution_id, variant, name, target_kind,"
            " target, benchmark_id, benchmark_key, benchmark_version, definition_hash, tags, created_at)"
            " values ($1, 'o', $2, 'x', 0, 'e', 'model', $1, 'b', 'b', 1, 'h', '[]', 0)",
            target,
            tenant.project_id,
        )
    )


@pytest.mark.parametrize("named_by", ["id", "name", "key"])
async def test_a_model_that_evaluations_name_is_disabled_and_its_names_are_free(
    catalog: Catalog, store: SqliteStore, tenant: Tenant, named_by: str
) -> None:
    saved = await catalog.create(tenant, {**MINE, "apiKey": "secret"})
    await used(store, tenant, getattr(saved, named_by))
    await catalog.delete(tenant, saved.id)
    kept = await catalog.get(tenant, saved.id)
    assert (kept.disabled, kept.has_api_key, kept.name) == (True, False, "My model")
    assert await catalog.list(tenant) == []
    for attempt in (
        catalog.get(tenant, "My model"),
        catalog.get(tenant, "team/mine-1.0"),
        catalog.update(tenant, saved.id, {"name": "b"}),
        catalog.delete(tenant, saved.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(StepError):
        await catalog.resolve(tenant, saved.id)
    assert (await catalog.create(tenant, MINE)).id != saved.id


async def test_a_model_that_nothing_names_is_gone(catalog: Catalog, store: SqliteStore, tenant: Tenant) -> None:
    saved = await catalog.create(tenant, MINE)
    await used(store, Tenant("org1", "another"), saved.id)
    await catalog.delete(tenant, "My model")
    with pytest.raises(NotFound):
        await catalog.get(tenant, saved.id)


async def test_a_deleted_model_leaves_the_set_of_its_project(
    catalog: Catalog, store: SqliteStore, tenant: Tenant
) -> None:
    sets = ProjectSets(store)
    saved = await catalog.create(tenant, MINE)
    await sets.set_models(tenant, ["first", saved.id, "last"])
    await catalog.delete(tenant, saved.id)
    assert await sets.models(tenant) == ("first", "last")
