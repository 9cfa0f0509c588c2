"""Who may call, and what: the codes and statuses that callers rely on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from .conftest import ADMIN_KEY, GREET, Api, Running


def code(answer: object) -> tuple[int, str]:
    status, body = answer.status_code, answer.json()  # type: ignore[attr-defined]
    assert body["status"] == status
    return status, body["code"]


def test_no_key(nobody: Api) -> None:
    answer = nobody.get("/flows")
    assert code(answer) == (401, "key_missing")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_unknown_key(server: Running) -> None:
    with Api(server.url, "psk_nobody") as api:
        assert code(api.get("/flows")) == (401, "key_unknown")


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_key_in_either_header(nobody: Api, header: str) -> None:
    value = f"bearer {ADMIN_KEY}" if header == "Authorization" else ADMIN_KEY
    assert nobody.get("/flows", headers={header: value}).status_code == 200


def test_a_revoked_key_is_refused_at_once(api: Api, server: Running) -> None:
    made = api.post("/keys", json={"name": "ci", "scopes": ["flows:read"]}).json()
    with Api(server.url, made["key"]) as ci:
        assert ci.get("/flows").status_code == 200
        assert api.delete(f"/keys/{made['id']}").json()["revokedAt"]
        assert code(ci.get("/flows")) == (401, "key_revoked")


def test_a_missing_scope_is_named_and_nothing_happens(api: Api, server: Running) -> None:
    made = api.post("/keys", json={"name": "reader", "scopes": ["flows:read"]}).json()
    with Api(server.url, made["key"]) as reader:
        answer = reader.post("/flows", json={**GREET, "name": "never-saved"})
        assert code(answer) == (403, "scope_missing")
        assert "flows:write" in answer.json()["detail"]
        assert reader.get("/flows/never-saved").status_code == 404


def test_a_key_grants_only_what_it_may_do_itself(api: Api, server: Running) -> None:
    made = api.post("/keys", json={"name": "clerk", "scopes": ["keys:admin"]}).json()
    with Api(server.url, made["key"]) as clerk:
        assert clerk.post("/keys", json={"name": "same", "scopes": ["keys:admin"]}).status_code == 201
        assert code(clerk.post("/keys", json={"name": "more", "scopes": ["admin"]})) == (403, "scope_missing")


def test_a_key_is_shown_once(api: Api) -> None:
    end = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = api.post("/keys", json={"name": "once", "scopes": ["admin"], "expiresAt": end}).json()
    listed = {key["id"]: key for key in api.get("/keys", params={"limit": 500}).json()["data"]}
    assert "key" not in listed[made["id"]]
    assert made["key"].startswith(listed[made["id"]]["prefix"])
    assert listed[made["id"]]["expiresAt"]


def test_every_wrong_field_of_a_key_is_named(api: Api) -> None:
    answer = api.post("/keys", json={"name": 3, "scopes": "all", "expiresAt": "soon", "more": 1})
    assert answer.status_code == 400
    assert {error["path"] for error in answer.json()["errors"]} == {"name", "scopes", "expiresAt", "more"}


def test_a_key_that_would_outlast_the_calendar(api: Api) -> None:
    body = {"name": "eternal", "scopes": ["flows:read"], "expiresAt": "9999-12-31T23:59:59-23:59"}
    assert code(api.post("/keys", json=body)) == (400, "expiry_too_far")
    assert api.get("/keys").status_code == 200


def test_another_tenants_things_are_not_there(api: Api, other: Api) -> None:
    flow = api.flow(GREET)
    execution = api.post(f"/flows/{flow}/execute-async", json={"name": "Ada"}).json()["executionId"]
    dataset = api.post("/datasets", json={"name": f"rows of {flow}", "rows": [{"a": 1}]}).json()["dataset"]["id"]
    key = api.post("/keys", json={"name": "mine", "scopes": ["admin"]}).json()["id"]
    paths = [
        ("GET", f"/flows/{flow}"),
        ("PUT", f"/flows/{flow}"),
        ("DELETE", f"/flows/{flow}"),
        ("POST", f"/flows/{flow}/deploy"),
        ("GET", f"/flows/{flow}/versions"),
        ("GET", f"/flows/{flow}/versions/1"),
        ("GET", f"/flows/{flow}/docs"),
        ("GET", f"/flows/{flow}/openapi.json"),
        ("POST", f"/flows/{flow}/execute"),
        ("POST", f"/flows/{flow}/execute-async"),
        ("POST", f"/flows/{flow}/executions"),
        ("POST", f"/public/v1/flows/execute/{flow}"),
        ("GET", f"/public/v1/jobs/{execution}"),
        ("DELETE", f"/keys/{key}"),
        ("DELETE", f"/executions/{execution}"),
        ("GET", f"/datasets/{dataset}"),
        ("GET", f"/datasets/{dataset}/rows"),
        ("GET", f"/datasets/{dataset}/export"),
        ("PATCH", f"/datasets/{dataset}"),
        ("DELETE", f"/datasets/{dataset}"),
    ]
    paths += [("GET", f"/executions/{execution}{part}") for part in ("", "/items", "/results", "/logs")]
    paths += [("POST", f"/flows/executions/{execution}/{part}") for part in ("cancel", "retry")]
    bodies = {"PUT": {**GREET, "name": "theirs"}, "PATCH": {"types": {"a": "string"}}}
    for method, path in paths:
        body = {"version": 1} if path.endswith("/deploy") else bodies.get(method, {} if method == "POST" else None)
        assert other.request(method, path, json=body).status_code == 404, (method, path)
    assert execution not in other.get("/executions").text
    assert api.get(f"/flows/{flow}").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": "127.0.0.1"}])
def test_metrics_are_open_to_this_machine_only(nobody: Api, api: Api, headers: dict[str, str]) -> None:
    answer = nobody.get("/metrics", headers=headers)
    assert answer.status_code == (401 if headers else 200)
    assert "penstock_http_requests_total" in api.get("/metrics", headers=headers).text


def test_whose_a_key_is_and_what_it_may_do(api: Api, server: Running) -> None:
    made = api.post("/keys", json={"name": "ci", "scopes": ["flows:read"]}).json()
    with Api(server.url, made["key"]) as ci:
        shown = ci.get("/whoami").json()
    assert shown["key"] == {"id": made["id"], "name": "ci", "scopes": ["flows:read"]}
    assert (shown["organization"]["name"], shown["project"]["name"]) == ("default", "default")
    assert "keys:admin" in api.get("/whoami").json()["key"]["scopes"]
