"""The stream of an evaluation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from . import shapes
from .client import Client, Refused


@dataclass(frozen=True)
class Event:
    kind: str
    body: Any
    number: int | None


def events(client: Client, evaluation: str, after: int | None = None) -> Iterator[Event]:
    headers = {"Accept": "text/event-stream"}
    if after is not None:
        headers["Last-Event-ID"] = str(after)
    with client.http.stream("GET", f"/evaluations/{evaluation}/stream", headers=headers) as response:
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
    told = list(events(client, made.id))
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
    whole = [one for one in events(client, evaluation) if one.kind != "progress"]
    middle = whole[len(whole) // 2]
    assert middle.number is not None
    rest = [one for one in events(client, evaluation, middle.number) if one.kind != "progress"]
    assert rest == whole[len(whole) // 2 + 1 :]


def test_wrong_numbers_and_unknown_evaluations_are_refused(client: Client, evaluation: str) -> None:
    for path, status in ((f"/evaluations/{evaluation}/stream?after=x", 400), ("/evaluations/none/stream", 404)):
        with pytest.raises(Refused) as refused:
            client.send("GET", path)
        assert refused.value.status == status
