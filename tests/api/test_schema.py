"""Whatever is sent to any route, its answer is one that the description of the API speaks of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from penstock.server.app import create_app
from penstock.settings import Settings

from .conftest import GREET, Api, Running

CHECKS: tuple[Callable[..., Any], ...] = (
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
EXAMPLES = 5
RATES = ("inference", "judge", "traceEvaluation", "metric", "usd", "millionTokens")
DOCUMENT = create_app(Settings()).openapi()
# Without keys the other calls would soon have none to be made with.
OPERATIONS = [
    (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
    if path != "/keys/{keyId}"
]


@pytest.fixture(scope="module")
def session(server: Running) -> Iterator[Api]:
    with Api(server.url) as api:
        # A limit of its own, so that a limit of the project which a call happens to set does not refuse the next ones.
        key = {"name": "schema", "scopes": ["admin"], "requestsPerMinute": 1_000_000_000}
        api.headers["Authorization"] = f"Bearer {api.post('/keys', json=key).json()['key']}"
        api.post("/flows", json={**GREET, "name": "greet"})
        api.post("/flows/greet/executions", json={"inputs": [{"name": "a"}, {"name": "b"}], "mode": "sync"})
        api.post("/datasets", json={"name": "rows", "rows": [{"a": 1}]})
        yield api


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=" ".join)
def test_every_answer_is_described(session: Api, method: str, path: str) -> None:
    described = schemathesis.openapi.from_dict(DOCUMENT)
    described.config.update(base_url=session.url)

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(described[path][method].as_strategy())
    def send(case: Any) -> None:
        headers = {"Authorization": session.headers["Authorization"]}
        case.call_and_validate(session=session, headers=headers, checks=list(CHECKS))

    try:
        send()
    finally:
        # Other tests share the server.
        for settings_of_the_project in ("/limits", "/retention", "/redaction"):
            assert session.put(settings_of_the_project, json={}).status_code == 200
        if path.startswith("/compute-units"):
            first = session.get("/compute-units/rates", params={"version": 0}).json()
            rates = {name: first[name] for name in RATES}
            assert session.put("/compute-units/rates", json=rates).status_code == 200
            assert session.put("/compute-units", json={"limited": False}).status_code == 200
