"""The exporter of OpenTelemetry under pressure: it is asked to come again, does so, and nothing is lost."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import format_trace_id

from .conftest import ADMIN_KEY, Api, Process, Running

MAX_OTLP_BYTES = 20_000
"""Twice as much may wait to be written."""


@contextmanager
def on_retry(act: Callable[[str], None]) -> Iterator[None]:
    """Calls `act` with what the exporter says when it is going to send again."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "retrying" in record.getMessage():
                act(record.getMessage())

    handler, logger = Handler(), logging.getLogger("opentelemetry")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def exported(url: str, key: str, spans: int) -> str:
    """Send a trace with so many spans as programs do; its id."""
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
    exporter = OTLPSpanExporter(f"{url}/v1/traces", headers={"authorization": f"Bearer {key}"})
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("mine")
    with tracer.start_as_current_span("root") as root:
        for n in range(spans - 1):
            tracer.start_span(f"step {n}").end()
    assert provider.force_flush()
    provider.shutdown()
    return format_trace_id(root.get_span_context().trace_id)


def test_the_exporter_waits_for_the_next_minute_of_its_key(api: Api, server: Running) -> None:
    limited = {"name": "busy", "scopes": ["traces:write", "traces:read"], "requestsPerMinute": 60}
    key = api.post("/keys", json=limited).json()["key"]
    with Api(server.url, key) as busy:
        while busy.get("/traces/sources").status_code == 200:
            pass
    said: list[str] = []
    with on_retry(said.append):
        trace = exported(server.url, key, 3)
    assert said, "it was told to come again"
    assert api.get(f"/traces/{trace}").json()["spanCount"] == 3


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Process]:
    """A server with little room for spans that wait."""
    environment = {"PENSTOCK_API_KEY": ADMIN_KEY, "PENSTOCK_MAX_OTLP_BYTES": str(MAX_OTLP_BYTES)}
    process = Process(tmp_path / "data", environment).start()
    yield process
    status, err = process.end()
    assert status == 0, err


def held_request(url: str) -> socket.socket:
    """A request whose body does not come: it keeps the room that it has asked for until it is given up."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), 30)
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ADMIN_KEY}\r\n"
        f"Content-Type: application/x-protobuf\r\nContent-Length: {MAX_OTLP_BYTES}\r\n\r\n"
    )
    connection.sendall(head.encode())
    return connection


def test_the_exporter_comes_again_when_too_much_waits(small: Process) -> None:
    held = [held_request(small.url) for _ in range(2)]
    with Api(small.url) as api:
        # Any request finds no room as soon as both of them are there.
        while (refused := api.post("/v1/traces", json={"resourceSpans": []})).status_code == 200:
            pass
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
        assert json.loads(refused.content)["code"] == 14

        def leave(_: str) -> None:
            for connection in held:
                connection.close()

        with on_retry(leave):
            trace = exported(small.url, ADMIN_KEY, 5)
        assert all(connection.fileno() == -1 for connection in held), "it was told to come again"
        assert api.get(f"/traces/{trace}").json()["spanCount"] == 5
