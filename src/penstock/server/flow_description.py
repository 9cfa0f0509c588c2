"""A deployed flow, described: as OpenAPI 3.1, and as a page to read and try it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.server.bodies import JSON
from penstock.server.describe import Schema, content, header, ref
from penstock.server.openapi import PROBLEM, SECURITY_SCHEMES
from penstock.server.pages import render
from penstock.server.problems import MEDIA_TYPE
from penstock.server.snippets import example_of, snippets

LOCKED = "Documentation of a flow"


@dataclass(frozen=True, slots=True)
class FlowInterface:
    """What a caller of a flow has to know. Both schemas are JSON Schemas; the output's may say nothing."""

    id: str
    name: str
    version: int
    description: str
    input: Mapping[str, Any]
    output: Mapping[str, Any]


def flow_openapi(flow: FlowInterface, address: str) -> dict[str, Any]:
    """The OpenAPI document of one flow: its sync and async calls, and the polling of an execution."""
    return {
        "openapi": "3.1.0",
        "info": {"title": flow.name, "version": str(flow.version), "description": flow.description},
        "servers": [{"url": address}],
        "security": [{name: []} for name in SECURITY_SCHEMES],
        "paths": {
            f"/flows/{flow.id}/execute": {"post": _execute(flow, address)},
            f"/flows/{flow.id}/execute-async": {"post": _execute_async(flow)},
            "/flows/executions/{executionId}": {"get": _PROGRESS},
        },
        "components": {"schemas": {"Problem": PROBLEM, "Handle": _HANDLE}, "securitySchemes": SECURITY_SCHEMES},
    }


def _execute(flow: FlowInterface, address: str) -> Schema:
    samples = [{"lang": s.language, "label": s.label, "source": s.code} for s in _snippets(flow, address)]
    return {
        "summary": f"Run {flow.name} and wait",
        "operationId": "execute",
        "parameters": [header("Prefer", "`wait=N` waits N seconds at most; `respond-async` does not wait."), _KEY],
        "requestBody": _request(flow),
        "responses": {
            "200": {"description": "The results", **content({JSON: flow.output})},
            "202": _ACCEPTED,
            "default": _REFUSED,
        },
        "x-codeSamples": samples,
    }


def _execute_async(flow: FlowInterface) -> Schema:
    return {
        "summary": f"Run {flow.name} in the background",
        "operationId": "executeAsync",
        "parameters": [_KEY],
        "requestBody": _request(flow),
        "responses": {"202": _ACCEPTED, "default": _REFUSED},
    }


def _request(flow: FlowInterface) -> Schema:
    return {"required": True, "content": {JSON: {"schema": dict(flow.input), "example": example_of(flow.input)}}}


_HANDLE = {
    "type": "object",
    "required": ["executionId", "status"],
    "properties": {
        "executionId": {"type": "string"},
        "status": {"type": "string"},
        "results": {},
        "error": {"type": ["object", "null"]},
    },
}
_KEY = header("Idempotency-Key", "The same key and body start the flow once, for 24 hours.")
_REFUSED = {"description": "A refusal", **content({MEDIA_TYPE: ref("Problem")})}
_ACCEPTED = {"description": "It goes on in the background", **content({JSON: ref("Handle")})}
_PROGRESS = {
    "summary": "How far an execution is",
    "operationId": "getExecution",
    "parameters": [
        {"name": "executionId", "in": "path", "required": True, "schema": {"type": "string"}},
        {"name": "wait", "in": "query", "schema": {"type": "number"}, "description": "Seconds to wait for the end."},
    ],
    "responses": {
        "200": {"description": "Its progress, with the results when done", **content({JSON: ref("Handle")})},
        "default": _REFUSED,
    },
}


def flow_page(flow: FlowInterface, address: str, root: str) -> bytes:
    """The page of a flow: what it does, a form to try it, code to call it."""
    context = {
        "id": flow.id,
        "name": flow.name,
        "version": flow.version,
        "description": flow.description,
        "url": f"{address}/flows/{flow.id}/execute",
        "sync_path": f"{root}/flows/{flow.id}/execute",
        "async_path": f"{root}/flows/{flow.id}/execute-async",
        "fields": [_field(name, schema, flow.input) for name, schema in flow.input.get("properties", {}).items()],
        "snippets": [{"label": s.label, "code": s.code} for s in _snippets(flow, address)],
        "input_json": json.dumps(flow.input, indent=2, ensure_ascii=False),
        "output_json": json.dumps(flow.output, indent=2, ensure_ascii=False),
    }
    return render("flow.html", {"title": flow.name, "root": root, "flow": context})


def locked_page(root: str) -> bytes:
    """The page of any flow for a reader who has not shown a key: it tells nothing, and asks for one."""
    return render("flow.html", {"title": LOCKED, "root": root, "flow": None})


def _snippets(flow: FlowInterface, address: str) -> Any:
    return snippets(address, flow.id, example_of({**flow.input, "type": "object"}))


def _field(name: str, schema: Mapping[str, Any], owner: Mapping[str, Any]) -> dict[str, Any]:
    required = name in owner.get("required", ())
    value = example_of(schema) if required or "default" in schema or "examples" in schema else None
    kind = "text" if schema.get("type") == "string" else "json"
    choices = schema.get("enum") or ([True, False] if schema.get("type") == "boolean" else [])
    if kind == "text" and not choices:
        shown = "" if value in (None, "…") else str(value)
    else:
        shown = "" if value is None else json.dumps(value, ensure_ascii=False)
    return {
        "name": name,
        "type": schema.get("type", "any"),
        "required": required,
        "description": schema.get("description", ""),
        "kind": kind,
        "value": shown,
        "rows": 1 if schema.get("type") in ("number", "integer") else 4,
        "choices": [{"label": str(choice), "json": json.dumps(choice, ensure_ascii=False)} for choice in choices],
    }
