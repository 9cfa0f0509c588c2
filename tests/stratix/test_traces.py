"""Traces: uploaded in files of every shape, listed, read and deleted."""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx2
import pytest

from penstock.server.stratix import traces
from penstock.testing.penstock_process import API_KEY

from .async_client import AsyncClient
from .client import Client, Refused
from .conftest import Server

MESSAGES = [{"role": "user", "content": "Where is my parcel?"}]


def unique() -> str:
    return f"word{uuid.uuid4().hex}"


def lines(*objects: Any) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def call(word: str, **more: Any) -> dict[str, Any]:
    return {"input": MESSAGES, "output": f"It is on its way, {word}.", "metadata": {"topic": word}, **more}


def events(word: str) -> dict[str, Any]:
    return {
        "trace_id": word,
        "agent_name": "shopper",
        "framework": "custom",
        "status": "completed",
        "description": "Buys a thing.",
        "event_count": 3,
        "metadata": {},
        "start_time": "2026-11-20T10:00:00Z",
        "end_time": "2026-11-20T10:00:02Z",
        "duration_ms": 2000,
        "events": [
            {"type": "agent.input", "dt": 0, "payload": {"content": f"Buy {word}"}},
            {"type": "model.invoke", "dt": 1, "payload": {"model": "gpt-4o", "prompt": "?", "completion": "!"}},
            {"type": "agent.output", "dt": 2, "payload": {"content": "Bought."}},
        ],
    }


def tree(word: str) -> dict[str, Any]:
    child = {"name": "look", "span_id": "b", "parent_id": "a", "kind": "tool", "input": word, "output": "found"}
    return {
        "name": word,
        "span_id": "a",
        "parent_id": None,
        "start_time": 1763632800.0,
        "end_time": 1763632801.5,
        "status": "ok",
        "kind": "chain",
        "input": word,
        "output": "found",
        "error": None,
        "metadata": {},
        "children": [child],
    }


def of_the_site(word: str) -> dict[str, Any]:
    span = {"name": "answer", "kind": "llm", "spans": []}
    return {
        "id": word,
        "name": "run",
        "inputs": {"q": word},
        "outputs": {"a": 1},
        "spans": [span],
        "tags": ["a"],
        "started_at": "2026-11-20T10:00:00Z",
        "duration_ms": 12,
        "unknown_field": {"kept": [1, 2]},
    }


@pytest.mark.parametrize(
    "made",
    [
        lambda word: ("calls.jsonl", lines(call(word), call(word, input="Hello?", model="gpt-4o", latency_ms=3))),
        lambda word: ("run.json", json.dumps(events(word), indent=2)),
        lambda word: ("runs.jsonl", lines(events(word), events(f"{word}-2"))),
        lambda word: ("instrumented.json", json.dumps([tree(word)])),
        lambda word: ("site.json", json.dumps(of_the_site(word))),
    ],
    ids=["calls", "an agent's run", "agents' runs", "a tree in an array", "the site's schema"],
)
def test_every_shape_is_taken_and_kept_as_it_is(client: Client, made: Any) -> None:
    word = unique()
    name, content = made(word)
    ids = client.upload_traces(f"{word}-{name}", content)
    sent = [json.loads(line) for line in content.splitlines()] if name.endswith("l") else [json.loads(content)]
    sent = sent[0] if isinstance(sent[0], list) else sent
    assert len(ids) == len(set(ids)) == len(sent)
    for trace_id, original in zip(ids, sent, strict=True):
        found = client.do(client.calls.trace(trace_id))
        assert (found.data, found.filename) == (original, f"{word}-{name}")
        assert (found.organization_id, found.project_id) == (client.organization.id, client.project_id)
        assert found.input
    listed = client.do(client.calls.traces(search=word, sort_by="created_at", sort_order="asc"))
    assert ([one.id for one in listed.traces], listed.total_count) == (sorted(ids), len(ids))
    # The same file again is the same traces.
    assert client.upload_traces(f"{word}-{name}", content) == ids


async def test_the_same_calls_from_a_loop(server: Server) -> None:
    async with AsyncClient(server.url, API_KEY) as client:
        word = unique()
        (trace_id,) = await client.upload_traces("loop.json", json.dumps(call(word)))
        assert (await client.do(client.calls.trace(trace_id))).data == call(word)
        judge = await client.do(client.calls.make_judge(name=unique(), evaluation_goal="Is it polite?"))
        made = await client.do(client.calls.judge_trace(trace_id, judge))
        result = await client.wait_for_verdict(made.id)
        assert (result.trace_id, result.judge_id) == (trace_id, judge)
        listed = await client.do(client.calls.traces(judge_id=judge, search=word))
        assert [one.evaluations_count for one in listed.traces] == [1]
        assert await client.do(client.calls.delete_trace(trace_id))
        assert (await client.do(client.calls.trace_evaluations(judge_id=judge))).total == 0


def test_a_list_is_filtered_sorted_and_counted(client: Client) -> None:
    word = unique()
    runs = [call(f"{word} {n}", status="error" if n == 2 else "ok", duration_ms=10 - n) for n in range(3)]
    ids = client.upload_traces(f"{word}.jsonl", lines(*runs))

    def listed(**query: Any) -> list[str]:
        found = client.do(client.calls.traces(**{"search": word, **query}))
        assert found.count == len(found.traces)
        return [one.id for one in found.traces]

    # Ids grow with time; what is in one file comes all at once.
    newest = sorted(ids, reverse=True)
    assert listed() == newest
    assert listed(sort_by="created_at", sort_order="asc") == newest[::-1]
    assert listed(sort_by="duration_ms", sort_order="asc") == ids[::-1]
    assert listed(source="upload") == listed(source=f"{word}.jsonl") == listed(time_range="7d") == newest
    assert listed(source="sdk") == []
    assert listed(status="error") == listed(status="failed") == [ids[2]]
    assert listed(page=2, page_size=2) == newest[2:]
    assert client.do(client.calls.traces(search=word, page=2, page_size=2)).total_count == 3
    assert listed(search=unique()) == []
    assert "upload" in client.do(client.calls.sources())
    for wrong in ({"time_range": "soon"}, {"sort_by": "colour"}, {"sort_order": "up"}, {"status": "blue"}):
        with pytest.raises(Refused) as refused:
            listed(**wrong)
        assert (refused.value.status, refused.value.fields) == (400, list(wrong))


def test_what_came_by_telemetry_is_shown_with_its_spans(client: Client, server: Server) -> None:
    word = unique()
    span = {
        "traceId": uuid.uuid4().hex,
        "spanId": uuid.uuid4().hex[:16],
        "name": word,
        "startTimeUnixNano": "1763632800000000000",
        "attributes": [{"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}}],
    }
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": f"service-{word}"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    server.own.post("/v1/traces", json=body).raise_for_status()
    (listed,) = client.do(client.calls.traces(source=f"service-{word}")).traces
    assert (listed.filename, listed.data, listed.input) == (word, {}, None)
    data = client.do(client.calls.trace(listed.id)).data
    assert (data["traceId"], [one["name"] for one in data["spans"]]) == (span["traceId"], [word])
    assert f"service-{word}" in client.do(client.calls.sources())


def test_lines_that_are_no_traces_are_named_beside_those_that_are(client: Client) -> None:
    word = unique()
    text = lines(call(word)) + "{broken\n[1]\n" + lines(call(word, input="second"))
    ids = client.upload_traces("mixed.jsonl", text)
    assert len(ids) == 2
    client.upload_traces("mixed.jsonl", text)
    client.do(client.calls.announce("mixed.jsonl", 3))
    for content, code in (("", "file_empty"), ("[1]\n2\n", "no_trace"), ('[{"input": 1},', "file_unreadable")):
        with pytest.raises(Refused) as refused:
            client.upload_traces("nothing.json", content)
        assert (refused.value.status, refused.value.code) == (400, code)


def test_an_upload_is_signed_bounded_and_used_once(client: Client, other: Client) -> None:
    url = client.do(client.calls.announce("a.json", 10))
    assert url.startswith(f"{client.base}/uploads/")
    forged = url.replace("/traces/", "/benchmarks/")
    assert httpx2.put(forged, content=b"{}").status_code == 403
    with pytest.raises(Refused) as refused:
        client.do(client.calls.announce("a.json", 50 * 2**20 + 1))
    assert refused.value.status == 413
    content = json.dumps(call(unique()))
    client.upload_traces("a.json", content)
    for asker in (client, other):
        with pytest.raises(Refused) as refused:
            asker.do(asker.calls.create_traces("a.json"))
        assert (refused.value.status, refused.value.code) == (404, "upload_not_found")


def test_a_deleted_trace_takes_its_evaluations_with_it(client: Client) -> None:
    keep, gone = client.upload_traces("two.jsonl", lines(call(unique()), call(unique())))
    judge = client.create_judge(unique())
    kept, lost = (client.do(client.calls.judge_trace(one, judge.id)) for one in (keep, gone))
    assert client.wait_for_verdict(kept.id)
    assert client.wait_for_verdict(lost.id)
    assert client.do(client.calls.delete_trace(gone))
    for read in (client.calls.trace(gone), client.calls.delete_trace(gone), client.calls.trace_evaluation(lost.id)):
        with pytest.raises(Refused) as refused:
            client.do(read)
        assert refused.value.status == 404
    assert [one.id for one in client.do(client.calls.trace_evaluations(judge_id=judge.id)).trace_evaluations] == [
        kept.id
    ]


def test_another_tenants_traces_are_not_there(client: Client, other: Client) -> None:
    word = unique()
    (trace_id,) = client.upload_traces("mine.json", json.dumps(call(word)))
    assert other.do(other.calls.traces(search=word)).total_count == 0
    for read in (other.calls.trace(trace_id), other.calls.delete_trace(trace_id)):
        with pytest.raises(Refused) as refused:
            other.do(read)
        assert (refused.value.status, refused.value.code) == (404, "trace_unknown")
    with pytest.raises(Refused) as refused:
        other.do(client.calls.traces())
    assert refused.value.status == 404


def test_a_file_of_too_many_traces_is_for_batches(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("many") / "many.jsonl"
    path.write_bytes(b"{}\n" * (traces.MAX_TRACES + 1_000))
    with pytest.raises(traces.TooLarge, match="/traces/batches"):
        traces._pieces(path, True)
