"""The streams of evaluations, and of trace evaluations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from . import shapes
from .client import Client, Refused
from .conftest import Server


@dataclass(frozen=True)
class Event:
    kind: str
    body: Any
    number: int | None


def events(client: Client, path: str, after: int | None = None) -> Iterator[Event]:
    headers = {"Accept": "text/event-stream"}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    with client.http.stream("GET", f"{path}/stream", headers=headers) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
            elif "event" in fields:
                number = fields.get("id")
                yield Event(fields["event"], json.loads(fields["data"]), None if number is None else int(number))
                fields = {}
            else:
                fields = {}


def test_rows_are_told_as_they_come_and_the_evaluation_at_the_end(client: Client, echo: str, benchmark: str) -> None:
    made = client.evaluate(echo, benchmark)
    told = list(events(client, f"/evaluations/{made.id}"))
    kinds = [one.kind for one in told]
    assert set(kinds) <= {"status", "progress", "row_complete", "final"}
    assert kinds.count("row_complete") == 10
    assert kinds[-1] == "final"
    final = shapes.Evaluation.model_validate(told[-1].body)
    assert (final.id, final.status, final.accuracy) == (made.id, "success", 0.6)
    assert {one.body["status"] for one in told if one.kind == "status"} <= {"queued", "running", "completed"}
    rows = [one for one in told if one.kind == "row_complete"]
    assert sorted(one.body["row"] for one in rows) == list(range(10))
    for one in rows:
        shapes.Result.model_validate(one.body)
    numbers = [one.number for one in told if one.number is not None]
    assert numbers == sorted(numbers)


def test_a_stream_goes_on_behind_the_last_number_seen(client: Client, evaluation: str) -> None:
    whole = [one for one in events(client, f"/evaluations/{evaluation}") if one.kind != "progress"]
    middle = whole[len(whole) // 2]
    assert middle.number is not None
    rest = [one for one in events(client, f"/evaluations/{evaluation}", middle.number) if one.kind != "progress"]
    assert rest == whole[len(whole) // 2 + 1 :]


def test_wrong_numbers_and_unknown_evaluations_are_refused(client: Client, evaluation: str) -> None:
    for path, status in ((f"/evaluations/{evaluation}/stream?after=x", 400), ("/evaluations/none/stream", 404)):
        with pytest.raises(Refused) as refused:
            client.send("GET", path)
        assert refused.value.status == status


def test_a_trace_evaluation_tells_of_its_own_verdict_among_others(client: Client, server: Server) -> None:
    lines = '{"input": "one"}\n{"input": "two"}\n'
    traces = client.upload_traces("streamed.jsonl", lines)
    judge = client.create_judge("Streams")
    whole = {"traces": traces, "judges": [judge.id]}
    first, second = server.own.post("/trace-evaluations", json=whole).raise_for_status().json()["evaluationIds"]
    for path in ("", client.p):
        told = list(events(client, f"{path}/trace-evaluations/{second}"))
        assert {one.kind for one in told} - {"progress"} == {"status", "row_complete", "final"}
        assert all(one.body["rows_total"] == 2 for one in told if one.kind == "progress")
        (row,) = [one.body for one in told if one.kind == "row_complete"]
        result = shapes.TraceEvaluationResult.model_validate(row)
        assert (result, row["status"]) == (client.do(client.calls.verdict(second)), "scored")
        assert shapes.TraceEvaluation.model_validate(told[-1].body).id == second
    assert client.wait_for_verdict(first) is not None


def test_a_trace_evaluation_that_fails_says_why_before_it_ends(client: Client, custom: str) -> None:
    (trace,) = client.upload_traces("prose.json", '{"input": "three"}')
    judge = client.create_judge("Rambles", model_id=custom)
    made = client.do(client.calls.judge_trace(trace, judge.id))
    error, final = list(events(client, f"/trace-evaluations/{made.id}"))[-2:]
    assert (error.kind, final.kind, final.body["status"]) == ("error", "final", "failure")
    assert error.body["message"] == final.body["status_description"] != ""


def test_a_stream_of_what_is_deleted_ends_with_saying_so(client: Client, server: Server, custom: str) -> None:
    (trace,) = client.upload_traces("gone.json", '{"input": "wait"}')
    judge = client.create_judge("Waits for ever", model_id=custom)
    made = client.do(client.calls.judge_trace(trace, judge.id))
    execution = server.own.get(f"/trace-evaluations/{made.id}").json()["executionId"]
    told = events(client, f"/trace-evaluations/{made.id}")
    assert next(told).kind == "status"
    client.do(client.calls.delete_trace(trace))
    server.own.post(f"/executions/{execution}/cancel").raise_for_status()
    assert list(told)[-1].body["code"] == "trace_evaluation_deleted"
