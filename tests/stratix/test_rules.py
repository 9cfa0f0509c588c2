"""What breaks those clients if it is ignored: prefixes, envelopes, refusals, redirects, waiting times."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from starlette.requests import Request

from penstock.errors import LimitReached, Problem
from penstock.server.problems import REQUEST_ID
from penstock.server.stratix.errors import HANDLERS
from penstock.server.stratix.params import Query
from penstock.testing.penstock_process import API_KEY

from . import shapes
from .client import Client, Refused
from .conftest import Server


def test_everything_stands_under_both_prefixes(client: Client, bearer: Client, evaluation: str) -> None:
    assert bearer.organization == client.organization
    assert bearer.evaluation(evaluation) == client.evaluation(evaluation)
    assert bearer.benchmarks("custom") == client.benchmarks("custom")
    (trace,) = bearer.upload_traces("bearer.json", '{"input": "By token."}')
    judge = bearer.create_judge("Bearer's")
    made = bearer.do(bearer.calls.judge_trace(trace, judge.id))
    assert client.wait_for_verdict(made.id) == bearer.wait_for_verdict(made.id) is not None
    assert client.do(client.calls.trace(trace)) == bearer.do(bearer.calls.trace(trace))
    assert client.do(client.calls.judge(judge.id)) == bearer.do(bearer.calls.judge(judge.id))
    for listed in (client.calls.traces(), client.calls.judges(), client.calls.optimizations()):
        assert client.do(listed) == bearer.do(listed)


def test_copies_of_a_bearer_client_write_the_prefix_twice(server: Server) -> None:
    twice = httpx2.get(
        f"{server.url}/api/v1/dgklmnr/dgklmnr/organizations", headers={"Authorization": f"Bearer {API_KEY}"}
    )
    assert type(twice.json()["data"]) is list


@pytest.mark.parametrize("path", ["/nothing", "/evaluations/", "/traces", "/organizations/x/projects/y/assistant"])
def test_an_unknown_route_is_a_404_without_a_redirect(client: Client, path: str) -> None:
    with pytest.raises(Refused) as refused:
        client.get(path)
    assert (refused.value.status, refused.value.code) == (404, "route_not_found")


def test_every_refusal_has_its_form(server: Server, client: Client) -> None:
    def refused(method: str, path: str, **what: object) -> tuple[int, str]:
        answer = httpx2.request(method, f"{client.base}{path}", **what)  # type: ignore[arg-type]
        error = shapes.Refused.model_validate(answer.json()["error"])
        assert answer.headers["x-request-id"] == error.request_id
        assert not answer.is_redirect
        return answer.status_code, error.code

    key = {"x-api-key": API_KEY}
    assert refused("GET", "/organizations") == (401, "key_missing")
    assert refused("GET", "/organizations", headers={"x-api-key": "psk_nobody"}) == (401, "key_unknown")
    assert refused("DELETE", "/organizations", headers=key) == (405, "method_not_allowed")
    assert refused("POST", f"{client.p}/evaluations", headers=key, content="{") == (400, "invalid_json")
    assert refused("POST", f"{client.p}/scorers", headers=key, content="[]")[0] == 400
    assert refused("POST", f"{client.p}/scorers", headers=key, content=b"x" * (11 * 2**20)) == (413, "body_too_large")
    assert refused("GET", f"/organizations/{'0' * 24}/projects/{client.project_id}/models", headers=key)[0] == 404
    assert refused("GET", f"{client.o}/projects/{'0' * 24}/models", headers=key) == (404, "project_not_found")
    made = server.own.post("/keys", json={"name": "few", "scopes": ["models:read"]}).json()
    assert refused("GET", "/evaluations", headers={"x-api-key": made["key"]}) == (403, "scope_missing")


def test_this_face_asks_for_the_scopes_that_penstocks_own_asks_for(client: Client, server: Server) -> None:
    held = ["evaluations:read", "evaluations:run", "benchmarks:write"]
    made = server.own.post("/keys", json={"name": "no boards, no runs", "scopes": held}).json()
    few = Client(server.url, made["key"])
    for call, missing in (
        (few.calls.announce("a.json", 1), "traces:write"),
        (few.calls.traces(), "traces:read"),
        (few.calls.make_judge(name="a", evaluation_goal="b"), "judges:write"),
        (few.calls.judge_trace("a", "b"), "judges:run"),
        (few.calls.trace_evaluations(), "judges:read"),
        (few.calls.optimize("a"), "optimizations:run"),
        (few.calls.apply("a"), "optimizations:run"),
    ):
        with pytest.raises(Refused) as refused:
            few.do(call)
        assert (refused.value.status, missing in refused.value.error.message) == (403, True)
    smart = {"name": "Dear", "description": "", "system_prompt": "", "files": ["unsent.txt"]}
    for path, body, missing in (
        ("evaluation-spaces", {"name": "Mine", "visibility": "public"}, "leaderboards:write"),
        ("smart-benchmarks", smart, "executions:run"),
    ):
        with pytest.raises(Refused) as refused:
            few.post(f"{few.p}/{path}", body)
        assert (refused.value.status, refused.value.code) == (403, "scope_missing")
        assert missing in refused.value.error.message
    few.close()


def test_the_callers_own_request_id_comes_back(client: Client) -> None:
    answer = client.http.get("/evaluations/none", headers={"x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"] == "mine-1"


def test_waiting_times_are_whole_seconds() -> None:
    request = Request({"type": "http", REQUEST_ID: "r", "headers": [], "method": "GET", "path": "/"})
    limited = HANDLERS[Problem](request, LimitReached("rate_limited", "Wait.", retry_after_seconds=1.2))
    response = asyncio.run(limited)  # type: ignore[arg-type]
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")


@pytest.mark.parametrize(
    ("given", "name"),
    [("pageSize", "page_size"), ("organizationID", "organization_id"), ("sortBy", "sort_by"), ("search", "search")],
)
def test_names_of_parameters_new_and_old(given: str, name: str) -> None:
    assert Query([(given, "1")]).text(name) == "1"


def test_values_of_parameters() -> None:
    query = Query([("models", "a, b,,c"), ("sort_by", "submittedAt"), ("unique", "true"), ("page", "")])
    assert query.csv("models") == ("a", "b", "c")
    assert query.word("sort_by", ("submitted_at", "accuracy"), "accuracy") == "submitted_at"
    assert query.flag("unique")
    assert (query.page().number, query.page().size) == (1, 100)
