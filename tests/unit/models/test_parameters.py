from __future__ import annotations

from typing import Any

import pytest

from penstock.models.parameters import merged


@pytest.mark.parametrize(
    ("defaults", "params", "together"),
    [
        ({}, {"a": 1}, {"a": 1}),
        ({"temperature": 0, "top_k": 5}, {"temperature": 1}, {"temperature": 1, "top_k": 5}),
        ({"x": {"a": 1, "b": {"c": 1}}}, {"x": {"b": {"d": 2}}}, {"x": {"a": 1, "b": {"c": 1, "d": 2}}}),
        ({"x": {"a": 1}}, {"x": 3}, {"x": 3}),
        ({"x": [1, 2]}, {"x": [3]}, {"x": [3]}),
        ({"maxTokens": 9}, {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
        ({"max_tokens": 9, "maxTokens": 8}, {"temperature": 1}, {"max_tokens": 9, "maxTokens": 8, "temperature": 1}),
    ],
)
def test_what_the_call_says_lies_over_what_the_model_says(defaults: Any, params: Any, together: Any) -> None:
    assert merged(defaults, params) == together


def test_neither_side_is_changed() -> None:
    defaults, params = {"x": {"a": 1}}, {"x": {"b": 2}}
    merged(defaults, params)
    assert (defaults, params) == ({"x": {"a": 1}}, {"x": {"b": 2}})
