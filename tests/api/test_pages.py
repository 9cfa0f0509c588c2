"""Pages for people, and descriptions for programs."""

from __future__ import annotations

import html
import re

from .conftest import GREET, Api, Running

EVIL = "<script>alert(1)</script>"


def test_pages_forbid_what_is_not_theirs(nobody: Api, api: Api) -> None:
    for answer in (nobody.get("/docs"), api.get(f"/flows/{api.flow(GREET)}/docs")):
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', answer.text):
            assert nobody.get(path).status_code == 200
        assert not re.search(r"<script(?! src)|<style|<[^>]*\s(style|on\w+)=", answer.text)


def test_the_page_of_a_flow_shows_its_form_and_code(api: Api, server: Running) -> None:
    flow = api.flow(GREET)
    text = html.unescape(api.get(f"/flows/{flow}/docs").text)
    assert 'data-name="name"' in text
    assert "Whom to greet" in text
    assert f"{server.url}/flows/{flow}/execute" in text
    for word in ("curl", "import requests", "from penstock import Penstock", "await fetch", "http.NewRequest"):
        assert word in text


def test_the_page_of_a_flow_tells_nothing_without_a_key(api: Api, nobody: Api) -> None:
    flow = api.flow(GREET)
    locked = nobody.get(f"/flows/{flow}/docs")
    assert locked.status_code == 200
    assert locked.text == nobody.get("/flows/no-such-flow/docs").text
    assert "Greet" not in locked.text
    assert api.get("/flows/no-such-flow/docs").status_code == 404


def test_the_page_of_a_flow_escapes_what_its_author_wrote(api: Api) -> None:
    field = {"type": "string", "required": True, "description": EVIL, "example": f"</textarea>{EVIL}"}
    choice = {"type": "string", "enum": [f'"{EVIL}'], "default": f'"{EVIL}'}
    flow = api.flow(
        {
            "description": EVIL,
            "input": {"a": field, "b": choice},
            "nodes": {"n": {"type": "transform", "inputs": {"a": "input.a"}, "expression": "a"}},
        }
    )
    assert "<script>" not in api.get(f"/flows/{flow}/docs").text


def test_the_description_of_a_flow(api: Api, server: Running) -> None:
    flow = api.flow(GREET)
    document = api.get(f"/flows/{flow}/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": server.url}]
    call = document["paths"][f"/flows/{flow}/execute"]["post"]
    body = call["requestBody"]["content"]["application/json"]
    assert body["schema"]["required"] == ["name"]
    assert api.post(f"/flows/{flow}/execute", json=body["example"]).status_code == 200
    assert call["responses"]["200"]["content"]["application/json"]["schema"]["required"] == ["greeting"]


def test_health_needs_no_key(nobody: Api) -> None:
    assert nobody.get("/healthz").json() == {"status": "ok"}
    assert nobody.get("/readyz").json() == {"status": "ready"}
    assert nobody.get("/v1/healthz").status_code == 200


def test_metrics_count_work(api: Api) -> None:
    api.post(f"/flows/{api.flow(GREET)}/execute", json={"name": "Ada"})
    text = api.get("/metrics").text
    for line in (
        r'penstock_http_requests_total\{method="POST",route="/flows/\{flow\}/execute",status="200"\} [1-9]',
        r'penstock_executions\{status="completed"\} [1-9]',
        r'penstock_items_total\{status="succeeded"\} [1-9]',
        r"penstock_journal_flush_seconds_count [1-9]",
        r"penstock_model_cost_usd_total 0",
    ):
        assert re.search(line, text), line


def test_no_answer_is_taken_for_a_page(api: Api) -> None:
    assert api.get("/flows").headers["X-Content-Type-Options"] == "nosniff"
    assert api.get("/nothing").headers["X-Content-Type-Options"] == "nosniff"
