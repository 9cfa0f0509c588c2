"""Uploaded objects of every shape, and files of them: whole, in pieces, and broken."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.datasets.formats.lines import UnreadableFile
from penstock.errors import Invalid
from penstock.traces.formats import Found, NotATrace, Upload, trace_in
from penstock.traces.formats import files as files_module
from penstock.traces.formats.base import moment_ns
from penstock.traces.formats.files import Fault, Record, layout_of, pieces, read_piece, records
from penstock.traces.model import Span

NOW = 1_790_000_000_000_000_000
START = 1_735_689_600_000_000_000
SECOND = 1_000_000_000


def read(value: Any) -> Found:
    return trace_in(Upload(value, msgspec.json.encode(value), NOW))


def spans(value: Any) -> list[Span]:
    return [received.span for received in read(value).spans]


def test_one_call_is_a_span_with_everything_that_is_known_of_it() -> None:
    messages = [{"role": "user", "content": "hi"}]
    line = {
        "input": messages,
        "output": "yo",
        "model": "gpt-4o",
        "latency_ms": 120,
        "tokens": {"input": 3, "output": 4},
        "metadata": {"customer": "x"},
        "team": ["blue"],
    }
    (span,) = spans(line)
    assert (span.kind, span.model, span.input, span.output) == ("llm", "gpt-4o", messages, "yo")
    assert (span.input_tokens, span.output_tokens) == (3, 4)
    assert (span.started_ns, span.ended_ns) == (NOW, NOW + 120_000_000)
    assert span.attributes["team"] == ["blue"]
    assert span.attributes["metadata"] == {"customer": "x"}


def test_the_same_object_is_the_same_trace_whenever_it_comes() -> None:
    text = b'{"input": "a", "output": "b"}'
    first, later = (trace_in(Upload(json.loads(text), text, at)) for at in (NOW, NOW + 5))
    other = trace_in(Upload({"input": "a"}, b'{"input": "a"}', NOW))
    assert first.trace_id == later.trace_id != other.trace_id
    assert [one.span.span_id for one in first.spans] == [one.span.span_id for one in later.spans]
    assert first.data == text


def test_children_are_spans_at_any_depth_under_their_parents() -> None:
    tree = {
        "name": "root",
        "span_id": "s1",
        "start_time": 1735689600.5,
        "end_time": 1735689601.5,
        "status": "ok",
        "kind": "chain",
        "input": {"q": 1},
        "output": "x",
        "error": None,
        "children": [
            {
                "name": "call",
                "span_id": "s2",
                "start_time": 1735689600600,
                "kind": "LLM",
                "error": {"message": "boom"},
                "children": [{"name": "deep", "kind": "tool"}],
            }
        ],
    }
    root, call, deep = spans(tree)
    assert read(tree).trace_id == "s1"
    assert (root.parent_id, call.parent_id, deep.parent_id) == (None, "s1", "s2")
    assert (root.started_ns, root.ended_ns) == (START + SECOND // 2, START + 3 * SECOND // 2)
    assert (call.kind, call.status, call.status_message) == ("llm", "error", "boom")
    assert deep.started_ns == call.started_ns == START + 600_000_000
    assert "children" not in root.original
    assert root.original["input"] == {"q": 1}


def test_a_named_run_keeps_its_id_its_tags_and_what_nobody_knows() -> None:
    run = {
        "id": "run-1",
        "name": "nightly",
        "inputs": {"a": 1},
        "outputs": {"b": 2},
        "tags": ["x"],
        "started_at": "2025-01-01T00:00:00",
        "duration_ms": 10,
        "odd": {"k": [1]},
        "spans": [{"name": "r", "kind": "retrieval", "spans": [{"name": "o", "kind": "other"}]}],
    }
    root, found, _ = spans(run)
    assert read(run).trace_id == "run-1"
    assert (root.name, root.input, root.output) == ("nightly", {"a": 1}, {"b": 2})
    assert (root.started_ns, root.ended_ns) == (START, START + 10_000_000)
    assert root.attributes == {"tag.tags": ["x"], "odd": {"k": [1]}}
    assert found.kind == "retrieval"


def agent(**fields: Any) -> dict[str, Any]:
    return {
        "trace_id": "T1",
        "agent_name": "helper",
        "status": "completed",
        "start_time": "2025-01-01T00:00:00Z",
        "end_time": "2025-01-01T00:00:10Z",
        "events": [
            {"type": "environment.config", "dt": 0, "payload": {"os": "x"}},
            {"type": "agent.input", "dt": 0, "payload": {"content": "question"}},
            {
                "type": "model.invoke",
                "dt": 1.5,
                "payload": {"model": "gpt-4o", "usage": {"prompt_tokens": 5}, "prompt": "q", "response": "r"},
            },
            {"type": "cost.record", "dt": 2, "payload": {"cost_usd": 0.0012, "output_tokens": 6}},
            {"type": "tool.call", "dt": 3, "payload": {"tool": "search", "args": {"q": 1}, "error": "down"}},
            {"type": "agent.handoff", "dt": 4, "payload": {"to_agent": "closer"}},
            {"type": "agent.output", "dt": 9, "payload": {"content": "answer"}},
        ],
        **fields,
    }


def test_what_an_agent_did_is_spans_under_its_own_and_every_event_stays() -> None:
    root, model, tool, handoff = spans(agent())
    assert (root.name, root.kind, root.status, root.input, root.output) == (
        "helper",
        "agent",
        "ok",
        "question",
        "answer",
    )
    assert [event["name"] for event in root.events] == [event["type"] for event in agent()["events"]]
    assert (model.kind, model.model, model.input, model.output) == ("llm", "gpt-4o", "q", "r")
    assert (model.input_tokens, model.output_tokens, model.cost_usd) == (5, 6, "0.0012")
    assert model.started_ns == START + 3 * SECOND // 2
    assert (tool.name, tool.kind, tool.input, tool.status) == ("search", "tool", {"q": 1}, "error")
    assert (handoff.name, handoff.parent_id) == ("closer", root.span_id)


def test_offsets_far_behind_the_end_are_milliseconds() -> None:
    events = [{"type": "model.invoke", "dt": 9000, "payload": {"model": "m"}}]
    assert spans(agent(events=events))[1].started_ns == START + 9 * SECOND


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "it has nothing"),
        ({"foo": 1}, "it has foo"),
        ({"resourceSpans": []}, "POST /v1/traces"),
        ({"penstockTrace": 9}, "this version reads 1"),
        ({"penstockTrace": 1, "traceId": "t", "spans": [{"name": 1}]}, "no export of a trace"),
        ({"spans": [{"name": "x"}] * 50_001}, "more than 50,000 spans"),
    ],
)
def test_what_is_no_trace_says_why(value: Any, reason: str) -> None:
    with pytest.raises(NotATrace, match=reason):
        read(value)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2025-01-01T00:00:00.123456789Z", START + 123_456_789),
        ("2025-01-01T01:00:00+01:00", START),
        (1735689600, START),
        (1735689600.25, START + SECOND // 4),
        (1735689600123, START + 123_000_000),
        (1735689600123456, START + 123_456_000),
        (START + 7, START + 7),
        ("yesterday", None),
        (12.5, None),
        (True, None),
        (-1, None),
        (1e300, None),
    ],
)
def test_times_are_understood_in_every_unit(value: Any, moment: int | None) -> None:
    assert moment_ns(value) == moment


# Files


def objects(count: int) -> list[dict[str, Any]]:
    return [{"input": f"é {n}", "nested": {"text": 'a "quoted" [word', "n": n}} for n in range(count)]


@pytest.mark.parametrize("layout", ["lines", "array"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_pieces_of_a_file_hold_what_the_whole_holds(
    tmp_path: Path, layout: Any, mark: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "PIECE_OBJECTS", 7)
    made = objects(40)
    text = "\n\n".join(map(json.dumps, made)) if layout == "lines" else json.dumps(made, indent=1, ensure_ascii=False)
    path = tmp_path / "file"
    path.write_bytes(mark + text.encode())
    assert layout_of(io.BytesIO(path.read_bytes())) == layout
    parts = list(pieces(path, layout))
    assert len(parts) > 4
    found = [one for part in parts for one in read_piece(path, layout, part, NOW)]
    assert found == list(records(path.read_bytes(), layout, NOW))
    assert [one.upload.value for one in found if isinstance(one, Record)] == made
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    assert all(lines[one.line - 1].lstrip().startswith("{") for one in found)


@pytest.mark.parametrize(
    ("text", "lines", "layout"),
    [
        (b'{"a": 1}\n{"a": 2}\n', None, "lines"),
        (b'{"a": 1}', None, "lines"),
        (b'{\n  "a": 1\n}', None, "object"),
        (b'{"a": {\n"b": 1}}', None, "object"),
        (b'{bad\n{"a": 1}\n', None, "lines"),
        (b'{\n"a": 1}', True, "lines"),
        (b'\xef\xbb\xbf\n [{"a": 1}]', None, "array"),
        (b"", None, "lines"),
        (b"hello", None, "lines"),
    ],
)
def test_a_file_is_told_by_how_it_begins(text: bytes, lines: bool | None, layout: str) -> None:
    assert layout_of(io.BytesIO(text), lines) == layout


def test_a_compressed_file_is_refused_as_that() -> None:
    with pytest.raises(Invalid, match="gzip"):
        layout_of(io.BytesIO(gzip.compress(b"{}")), lines=True)


def test_bad_lines_are_named_among_good_ones() -> None:
    text = (
        b'{"input": 1}\n{"input": \n[1]\n\n"x"\n{"input": "\xff"}\n{"input": "\\ud800"}\n' + b"[" * 5000 + b'\n{"a":2}'
    )
    found = list(records(text, "lines", NOW))
    assert [(one.line, type(one).__name__) for one in found] == [
        (1, "Record"),
        *((line, "Fault") for line in (2, 3, 5, 6, 7, 8)),
        (9, "Record"),
    ]
    assert [one.reason for one in found if isinstance(one, Fault)][1:3] == [
        "expected an object, got a list",
        "expected an object, got a text",
    ]


def test_a_line_that_is_too_long_is_named_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "MAX_OBJECT_BYTES", 1000)
    path = tmp_path / "file"
    long = json.dumps({"input": "x" * 5000})
    path.write_text(f'{{"input": 1}}\n{long}\n{{"input": 2}}\n{long}')
    found = [one for part in pieces(path, "lines") for one in read_piece(path, "lines", part, NOW)]
    assert [(one.line, isinstance(one, Fault)) for one in found] == [(1, False), (2, True), (3, False), (4, True)]
    assert all(part.length <= 1000 for part in pieces(path, "lines"))


def test_an_array_that_breaks_off_says_where(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('[\n{"input": 1},\n{"input": 2}\n{"input": 3}]')
    with pytest.raises(UnreadableFile, match="Line 4: Expected , or ]"):
        list(pieces(path, "array"))
