"""Which field of a source row is which member."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import Invalid
from penstock.evaluations.benchmarks.mapping import FieldMapping


@pytest.mark.parametrize(
    ("given", "row", "members"),
    [
        (
            {},
            {"id": 7, "question": "q", "answer": "a", "category": "c", "group": "g", "note": 1, "empty": None},
            {"id": 7, "input": "q", "truth": "a", "subset": "c", "cluster": "g", "metadata": {"note": 1}},
        ),
        (
            {},
            {"input": "i", "question": "q", "truth": "t", "label": "l"},
            {"input": "i", "truth": "t", "metadata": {"question": "q", "label": "l"}},
        ),
        (
            {"input": "sample.text", "truth": "options.1", "subset": "a.b"},
            {"sample": {"text": "x", "more": 2}, "options": ["n", "y"], "a.b": "s", "kept": True},
            {"input": "x", "truth": "y", "subset": "s", "metadata": {"kept": True}},
        ),
        (
            {},
            {"prompt": "p", "target": [1, 2], "context": {"doc": 1}, "metadata": {"m": 1}, "rest": 2},
            {"input": "p", "truth": [1, 2], "context": {"doc": 1}, "metadata": {"rest": 2, "m": 1}},
        ),
        (
            {},
            {"messages": '[{"role": "user", "content": "hi"}]', "label": "l"},
            {"input": [{"role": "user", "content": "hi"}], "truth": "l", "metadata": {}},
        ),
    ],
)
def test_members(given: dict[str, str], row: dict[str, Any], members: dict[str, Any]) -> None:
    assert FieldMapping(given)(row) == members


def test_the_first_row_settles_it_for_all() -> None:
    mapping = FieldMapping({})
    mapping({"question": "q", "answer": "a"})
    with pytest.raises(ValueError, match="no field 'question', which is to be its input"):
        mapping({"input": "q", "answer": "a"})
    with pytest.raises(ValueError, match="no field 'answer', which is to be its truth"):
        mapping({"question": "q", "truth": "a"})


def test_what_cannot_be_told_is_asked_for() -> None:
    with pytest.raises(Invalid) as refused:
        FieldMapping({})({"text": "q", "answer": "a"})
    assert refused.value.errors[0].path == "mapping.input"
    assert "'text', 'answer'" in refused.value.detail
    with pytest.raises(Invalid) as refused:
        FieldMapping({})({"question": "q"})
    assert refused.value.errors[0].path == "mapping.truth"
    assert FieldMapping({}, require_truth=False)({"question": "q"}) == {"input": "q", "metadata": {}}
    with pytest.raises(Invalid) as refused:
        FieldMapping({"question": "x"})
    assert refused.value.errors[0].path == "mapping.question"


def test_messages_that_are_none() -> None:
    for wrong in ("hello", [{"text": "hello"}], ["hello"], {"role": "user"}):
        with pytest.raises(ValueError, match="messages"):
            FieldMapping({})({"messages": wrong, "answer": "a"})
