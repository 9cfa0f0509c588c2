"""Ids that are made of the content of an uploaded object."""

from __future__ import annotations

import json
from typing import Any

import pytest

from penstock.traces.formats import base, trace_in
from penstock.traces.formats.base import Upload


def test_the_content_is_hashed_once_however_many_spans_have_no_id(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bytes] = []
    digest = base.blake2b

    def counting(text: bytes, **more: Any) -> Any:
        hashed.append(text)
        return digest(text, **more)

    monkeypatch.setattr(base, "blake2b", counting)
    value = {"name": "root", "children": [{"name": f"child {n}", "input": "x"} for n in range(50)]}
    text = json.dumps(value).encode()
    spans = trace_in(Upload(value, text, 1)).spans
    assert hashed == [text]
    assert len({one.span.span_id for one in spans}) == 51
    assert [one.span.span_id for one in trace_in(Upload(value, b" " + text, 2)).spans] == [
        one.span.span_id for one in spans
    ]
