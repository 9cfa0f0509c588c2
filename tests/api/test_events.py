"""Following executions over real HTTP: where a stream begins, when it ends, and how many there may be."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests

from .conftest import ADMIN_KEY, GREET, Api, Process, Site, fetching

Message = dict[str, Any]


def events_of(answer: requests.Response) -> Iterator[Message]:
    """The messages of a stream as they come."""
    assert answer.status_code == 200, answer.text
    message: Message = {}
    for line in answer.iter_lines(chunk_size=1):
        name, _, value = line.decode().partition(": ")
        if name:
            message[name] = value
        elif message:
            if "data" in message:
                yield {**message, "data": json.loads(message["data"])}
            message = {}


def stream(api: Api, execution_id: str, **query: Any) -> requests.Response:
    return api.get(f"/executions/{execution_id}/events", params=query, stream=True)


def everything(api: Api, execution_id: str, **query: Any) -> list[Message]:
    with stream(api, execution_id, **query) as answer:
        return list(events_of(answer))


def numbers(messages: list[Message]) -> list[int]:
    return [int(message["id"]) for message in messages if message["event"] in ("status", "item")]


@pytest.fixture
def gate(site: Site) -> Iterator[str]:
    name = uuid.uuid4().hex
    yield name
    site.open_gate(name)


@pytest.fixture
def waiting(api: Api, site: Site, gate: str) -> str:
    """An execution that runs until the gate is opened."""
    flow = api.flow(fetching(site, "gate"))
    execution_id: str = api.post(f"/flows/{flow}/execute-async", json={"name": gate}).json()["executionId"]
    site.wait_for_arrival(gate)
    return execution_id


@pytest.fixture
def over(api: Api, site: Site) -> str:
    """An execution of six items of which the fourth failed."""
    flow = api.flow(fetching(site, "number"))
    body = {"inputs": [{"name": str(n)} for n in range(6)], "mode": "sync"}
    return api.post(f"/flows/{flow}/executions", json=body).headers["Execution-Id"]


def test_a_stream_tells_what_happens_and_ends_with_the_run(api: Api, site: Site, waiting: str, gate: str) -> None:
    with stream(api, waiting) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Accel-Buffering"] == "no"
        coming = events_of(answer)
        messages = [next(coming), next(coming)]
        while not any(message["event"] == "progress" for message in messages):
            messages.append(next(coming))
        site.open_gate(gate)
        messages += coming
    assert numbers(messages) == [1, 2, 3, 4]
    item = next(message["data"] for message in messages if message["event"] == "item")
    assert (item["path"], item["status"], item["error"]) == ("0", "succeeded", None)
    done = messages[-1]
    assert (done["event"], done["id"], done["data"]["status"]) == ("done", "4", "completed")
    progress = [message for message in messages if message["event"] == "progress"]
    assert progress
    assert not [message for message in progress if "id" in message]


def test_the_handle_links_to_it(api: Api, over: str) -> None:
    links = api.get(f"/v1/executions/{over}").json()["links"]
    assert links["events"] == f"/v1/executions/{over}/events"
    with api.get(links["events"], stream=True) as answer:
        assert numbers(list(events_of(answer)))[-1] == api.get(f"/flows/executions/{over}").json()["seq"]


def test_a_stream_goes_on_behind_any_number(api: Api, over: str) -> None:
    whole = everything(api, over)
    last = numbers(whole)[-1]
    assert numbers(whole) == list(range(1, last + 1))
    for after in range(last + 1):
        assert numbers(everything(api, over, after=after)) == list(range(after + 1, last + 1))
    with api.get(f"/executions/{over}/events?after=1", headers={"Last-Event-ID": "4"}, stream=True) as answer:
        assert numbers(list(events_of(answer)))[0] == 5


@pytest.mark.parametrize("number", ["999", "-1", "x", "1.5", "٣", "9" * 40, "9" * 5000])
def test_a_number_that_is_none(api: Api, over: str, number: str) -> None:
    answer = api.get(f"/executions/{over}/events", params={"after": number})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    if number.isascii():
        named = api.get(f"/executions/{over}/events", headers={"Last-Event-ID": number})
        assert (named.status_code, named.json()["code"]) == (400, "event_number_invalid")


def test_a_snapshot_stands_for_what_has_been(api: Api, site: Site, waiting: str, gate: str) -> None:
    with stream(api, waiting, snapshot=True) as answer:
        coming = events_of(answer)
        first = next(coming)
        assert (first["event"], first["data"]["status"], first["id"]) == ("snapshot", "running", "2")
        site.open_gate(gate)
        assert numbers(list(coming)) == [3, 4]
    with api.get(f"/executions/{waiting}/events?snapshot=1", headers={"Last-Event-ID": "3"}, stream=True) as answer:
        assert [message["event"] for message in events_of(answer)] == ["status", "done"]


def test_the_log_comes_on_request(api: Api, over: str) -> None:
    lines = [message["data"] for message in everything(api, over, logs=True) if message["event"] == "log"]
    assert lines == api.get(f"/executions/{over}/logs").json()["data"]
    rest = everything(api, over, logs=True, logsAfter=lines[3]["seq"])
    assert [message["data"] for message in rest if message["event"] == "log"] == lines[4:]


def test_a_retry_goes_on_counting(api: Api, over: str) -> None:
    before = everything(api, over)
    api.post(f"/executions/{over}/retry")
    api.ended(over)
    after = everything(api, over)
    assert numbers(after) == list(range(1, len(numbers(after)) + 1))
    known = [message for message in before if message["event"] in ("status", "item")]
    assert [message for message in after if message["event"] in ("status", "item")][: len(known)] == known


def test_a_cancel_is_told_to_the_end(api: Api, waiting: str) -> None:
    with stream(api, waiting) as answer:
        coming = events_of(answer)
        messages = [next(coming)]
        api.post(f"/executions/{waiting}/cancel")
        messages += coming
    end = next(message["data"] for message in messages[::-1] if message["event"] == "status")
    assert (end["status"], end["reason"]["code"]) == ("cancelled", "cancelled")
    assert messages[-1]["data"]["status"] == "cancelled"


def test_executions_of_others_are_not_followed(other: Api, nobody: Api, over: str) -> None:
    assert other.get(f"/executions/{over}/events").status_code == 404
    assert nobody.get(f"/executions/{over}/events").status_code == 401


def test_a_pause_ends_a_long_poll_once(api: Api, site: Site, gate: str) -> None:
    flow = api.flow(fetching(site, "gate"))
    body = {"inputs": [{"name": gate}, {"name": "second"}], "mode": "async", "concurrency": 1}
    execution_id = api.post(f"/flows/{flow}/executions", json=body).json()["executionId"]
    site.wait_for_arrival(gate)
    asked = [api.post(f"/executions/{execution_id}/pause").json()["status"]]
    site.open_gate(gate)
    asked.append(api.get(f"/executions/{execution_id}?wait=25").json()["status"])
    asked.append(api.get(f"/executions/{execution_id}?wait=0.2").json()["status"])
    assert asked == ["running", "paused", "paused"]
    site.open_gate("second")
    api.post(f"/executions/{execution_id}/resume")
    assert api.get(f"/executions/{execution_id}?wait=25").json()["status"] == "completed"


def test_streams_of_a_key_are_limited_and_end_when_the_server_stops(tmp_path: Path, site: Site, gate: str) -> None:
    environment = {
        "PENSTOCK_API_KEY": ADMIN_KEY,
        "PENSTOCK_ALLOWED_NETWORKS": "127.0.0.0/8",
        "PENSTOCK_MAX_EVENT_STREAMS": "2",
        "PENSTOCK_EVENT_HEARTBEAT_SECONDS": "0.1",
        "PENSTOCK_SHUTDOWN_GRACE_SECONDS": "0.2",
    }
    process = Process(tmp_path, environment).start()
    with Api(process.url) as api, ExitStack() as stack:
        flow = api.flow(fetching(site, "gate"))
        execution_id = api.post(f"/flows/{flow}/execute-async", json={"name": gate}).json()["executionId"]
        site.wait_for_arrival(gate)
        open_ones = [stack.enter_context(stream(api, execution_id, after=2)) for _ in range(2)]
        refused = stream(api, execution_id)
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
        assert int(refused.headers["Retry-After"]) >= 1
        beats = (line for line in open_ones[0].iter_lines(chunk_size=1) if line == b":")
        assert next(beats) == b":"
        open_ones.pop().close()
        while (third := stream(api, execution_id)).status_code == 429:
            pass
        with third:
            assert process.end()[0] == 0
            assert "done" not in [message["event"] for message in events_of(third)]


CLIENTS = 5000
BATCH = 1000


def test_five_thousand_clients_that_vanish_leave_nothing_behind(tmp_path: Path, site: Site, gate: str) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    process = Process(tmp_path, {"PENSTOCK_API_KEY": ADMIN_KEY, "PENSTOCK_ALLOWED_NETWORKS": "127.0.0.0/8"}).start()
    try:
        with Api(process.url) as api:
            flow = api.flow(fetching(site, "gate"))
            execution_id = api.post(f"/flows/{flow}/execute-async", json={"name": gate}).json()["executionId"]
            site.wait_for_arrival(gate)
            asyncio.run(come_and_go(process, execution_id, BATCH))
            at_first = held(process)
            for _ in range(CLIENTS // BATCH - 1):
                asyncio.run(come_and_go(process, execution_id, BATCH))
            files, memory = held(process)
            assert files <= at_first[0] + 2
            assert memory <= at_first[1] + 30_000, "kB"
            site.open_gate(gate)
            assert numbers(everything(api, execution_id)) == [1, 2, 3, 4]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        assert process.end()[0] == 0


async def come_and_go(process: Process, execution_id: str, count: int) -> None:
    """Open so many streams, read the beginning of each, then drop all of them without a word."""
    host, port = process.url.removeprefix("http://").split(":")
    request = f"GET /executions/{execution_id}/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {ADMIN_KEY}\r\n\r\n".encode()
    gate = asyncio.Semaphore(200)

    async def come() -> asyncio.StreamWriter:
        async with gate:
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(request)
            await reader.readuntil(b"id: 2\n")
            return writer

    async with asyncio.timeout(60):
        writers = await asyncio.gather(*(come() for _ in range(count)))
    for writer in writers:
        writer.transport.abort()


def held(process: Process) -> tuple[int, int]:
    """Open files and resident memory (kB) of the server, once it has noticed that nobody is there."""
    assert process._popen is not None
    folder = Path(f"/proc/{process._popen.pid}")
    with Api(process.url) as api:
        for _ in range(1000):
            files = len(list((folder / "fd").iterdir()))
            if files < 100:
                break
            assert api.get("/healthz").status_code == 200
    status = (folder / "status").read_text()
    return files, int(status.partition("VmRSS:")[2].split()[0])


def test_one_byte_at_a_time_slows_nobody_else(api: Api, site: Site) -> None:
    gates = [uuid.uuid4().hex for _ in range(3)]
    flow = api.flow(fetching(site, "gate"))
    inputs = [{"name": name} for name in gates] + [{"name": "open"}] * 300
    body = {"inputs": inputs, "mode": "async", "concurrency": 3}
    execution_id = api.post(f"/flows/{flow}/executions", json=body).json()["executionId"]
    host, port = api.url.removeprefix("http://").split(":")
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    with slow:
        slow.connect((host, int(port)))
        path = f"/executions/{execution_id}/events"
        slow.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {ADMIN_KEY}\r\n\r\n".encode())
        assert slow.recv(1) == b"H"
        site.open_gate("open")
        for name in gates:
            site.open_gate(name)
        with stream(api, execution_id) as answer:
            messages = list(events_of(answer))
        assert slow.recv(1) == b"T"
    assert numbers(messages) == list(range(1, len(inputs) + 4))


def test_the_end_of_a_quick_run_is_told_too(api: Api) -> None:
    flow = api.flow(GREET)
    execution_id = api.post(f"/flows/{flow}/execute-async", json={"name": "Ada"}).json()["executionId"]
    assert everything(api, execution_id)[-1]["data"]["counts"]["succeeded"] == 1
