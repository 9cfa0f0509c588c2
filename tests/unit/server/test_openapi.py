"""The description of the API is whole, and so is its page."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.server.api_page import api_page
from penstock.server.app import create_app
from penstock.settings import Settings

WITHOUT_BODY = {
    "/webhooks/endpoints/{endpointId}/test",
    "/webhooks/endpoints/{endpointId}/rotate-secret",
    "/webhooks/rotate-secret",
    "/webhooks/deliveries/{deliveryId}/replay",
    "/integrations/{integration}/test",
    "/models/{name}/test",
    "/schedules/{schedule}/run",
    "/executions/{executionId}/cancel",
    "/executions/{executionId}/pause",
    "/flows/executions/{executionId}/pause",
    "/flows/executions/{executionId}/cancel",
    "/optimizations/{optimization}/apply",
}
PUBLIC = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/schemas/flow.json", "/flows/{flow}/docs"}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings(data_dir=Path("/nonexistent"))).openapi()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def test_every_reference_resolves(document: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(refs(document)) <= known


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    for path, method, operation in operations(document):
        assert operation["summary"], path
        assert operation.get("description"), (method, path)
        assert "default" in operation["responses"], path
        assert any(status.startswith("2") for status in operation["responses"]), path
        assert "requestBody" in operation or method in ("get", "delete") or path in WITHOUT_BODY, (method, path)


def test_every_parameter_of_a_path_is_described(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        in_path = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path)), path


def test_only_what_must_be_is_open_without_a_key(document: dict[str, Any]) -> None:
    assert {path for path, _, operation in operations(document) if operation.get("security") == []} == PUBLIC
    assert document["security"] == [{"bearer": []}, {"apiKey": []}]


def test_whatever_starts_work_tells_of_an_empty_balance(document: dict[str, Any]) -> None:
    starting = {
        path
        for path, method, operation in operations(document)
        if method == "post" and "202" in operation["responses"]
        if not path.startswith("/webhooks") and not path.endswith(("/cancel", "/pause"))
    }
    told = {path for path, _, operation in operations(document) if "402" in operation["responses"]}
    assert {"/traces/batches", "/optimizations", "/executions/{executionId}/retry"} <= starting
    assert starting - told == set()


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))


def test_the_page_shows_every_operation_and_loads_nothing_from_elsewhere(document: dict[str, Any]) -> None:
    page = html.unescape(api_page(document, "/v1").decode())
    for _, _, operation in operations(document):
        assert operation["summary"] in page, operation["summary"]
    assert not re.search(r"<script|<style|<[^>]*\s(style|on\w+)=", page)
    assert set(re.findall(r'(?:href|src)="([^"#]+)', page)) == {
        "data:,",
        "/v1/static/penstock.css",
        "/v1/openapi.json",
    }


def test_the_page_escapes_what_it_shows(document: dict[str, Any]) -> None:
    evil = "<img src=x onerror=alert(1)>"
    operation = {"summary": evil, "responses": {"200": {"description": evil}}, "description": evil}
    changed = {**document, "paths": {"/x": {"get": operation}}}
    assert "<img" not in api_page(changed, "").decode()
