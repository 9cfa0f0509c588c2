"""What is redacted, and what is not."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.redaction import Redaction, faults_of, redactor_of


def redacted(value: Any, fields: tuple[str, ...] = (), patterns: tuple[str, ...] = ()) -> Any:
    redactor = redactor_of(Redaction(fields, patterns))
    assert redactor is not None
    return redactor.value(value)


@pytest.mark.parametrize(
    ("value", "field", "shown"),
    [
        ({"a": 1, "password": "x"}, "password", {"a": 1, "password": "[redacted]"}),
        ({"a": {"b": [{"Password": {"deep": 1}}]}}, "password", {"a": {"b": [{"Password": "[redacted]"}]}}),
        ({"user": {"email": "x"}, "email": "y"}, "user.email", {"user": {"email": "[redacted]"}, "email": "y"}),
        ({"all": [{"user": {"email": "x"}}]}, "user.email", {"all": [{"user": {"email": "[redacted]"}}]}),
        ({"users": [{"email": "x"}]}, "users.email", {"users": [{"email": "[redacted]"}]}),
        ({"super_password": "x"}, "password", {"super_password": "x"}),
        ({"password": None}, "password", {"password": "[redacted]"}),
        ("password", "password", "password"),
    ],
)
def test_fields_by_name_and_path(value: Any, field: str, shown: Any) -> None:
    assert redacted(value, fields=(field,)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("card 1234567812345678 of Jo", "card [redacted] of Jo"),
        ({"n": 1234567812345678, "m": 12, "t": True, "z": None}, {"n": "[redacted]", "m": 12, "t": True, "z": None}),
        ({"1234567812345678": [1.5, "1234567812345678"]}, {"[redacted]": [1.5, "[redacted]"]}),
        ("Grüße", "Grüße"),
    ],
)
def test_texts_numbers_and_names_by_pattern(value: Any, shown: Any) -> None:
    assert redacted(value, patterns=(r"\d{16}",)) == shown


def test_rules_of_flow_and_project_hold_together() -> None:
    redactor = redactor_of(Redaction(fields=("a",)), None, Redaction(patterns=("x+",)))
    assert redactor is not None
    assert redactor.text('{"a": 1, "b": "xxy"}') == '{"a":"[redacted]","b":"[redacted]y"}'
    assert redactor.text(None) is None
    assert redactor_of(None, Redaction()) is None


@pytest.mark.parametrize(
    ("rules", "path", "reason"),
    [
        (Redaction(patterns=("fine", "(")), "patterns.1", "missing )"),
        (Redaction(patterns=(r"(a)\1",)), "patterns.0", "escape"),
        (Redaction(patterns=("a*",)), "patterns.0", "empty"),
        (Redaction(patterns=(r"\b",)), "patterns.0", "empty"),
        (Redaction(patterns=(r"(?P<x>a)",)), "patterns.0", "group"),
        (Redaction(patterns=(r"\Qa",)), "patterns", "together"),
        (Redaction(patterns=tuple(f"{n}.{{1,400}}x" for n in range(100))), "patterns", "too large"),
        (Redaction(patterns=("a" * 501,)), "patterns.0", "longer"),
        (Redaction(patterns=("((a{1000}){1000}){1000}",)), "patterns.0", "repetition"),
        (Redaction(fields=("a..b",)), "fields.0", "dotted"),
        (Redaction(fields=tuple(map(str, range(101)))), "fields", "at most 100"),
    ],
)
def test_rules_that_cannot_be_used_are_named_with_why(rules: Redaction, path: str, reason: str) -> None:
    (fault,) = faults_of(rules)
    assert fault.path == path
    assert reason in fault.message


def test_a_hostile_text_takes_no_longer_than_another() -> None:
    # Exponential in a backtracking engine: it would not end.
    assert redacted("a" * 50_000 + "b", patterns=("(a+)+$",)) == "a" * 50_000 + "b"


def test_patterns_do_not_find_matches_in_what_others_have_replaced() -> None:
    # One after the other, each of these would make the text eight times as long.
    assert redacted("abc", patterns=(r"\w",) * 100) == "[redacted]" * 3
    assert (
        redacted("edged 12", patterns=(r"\d+", "e", "(?i)D"))
        == "[redacted]" * 2 + "g" + "[redacted]" * 2 + " [redacted]"
    )


def test_many_patterns_take_about_as_long_as_one() -> None:
    rows = [{"name": n} for n in range(20_000)]
    assert redacted(rows, patterns=tuple(rf"\b{n:05}\b" for n in range(100))) == rows
