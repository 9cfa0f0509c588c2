"""What must not be shown: fields by name or path, and texts by pattern, replaced in any JSON value.

Patterns are RE2 (https://github.com/google/re2/wiki/Syntax): they take time in proportion to the text, whatever the
text is, so neither a careless pattern nor a hostile page can hold anything up.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from penstock.errors import FieldError

REDACTED = "[redacted]"
MAX_RULES = 100
MAX_RULE_LENGTH = 500
_PATTERN_MEMORY_BYTES = 1 << 20
"""Bounds the size of the patterns of one set, and with it how long they take for each character."""
_WORKING_MEMORY_BYTES = 8 << 20
_KEPT_REDACTORS = 32
_PROBES = ("", "a 1-b_2")


class Redaction(msgspec.Struct, frozen=True, omit_defaults=True):
    """`fields`: names (`email`) or dotted paths (`user.email`), at any depth, in any case. `patterns`: RE2."""

    fields: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


def faults_of(rules: Redaction) -> list[FieldError]:
    """What is wrong with each rule; none when all of them can be used."""
    faults = []
    for kind, texts in (("fields", rules.fields), ("patterns", rules.patterns)):
        if len(texts) > MAX_RULES:
            faults.append(FieldError(kind, f"has {len(texts)} rules; at most {MAX_RULES}"))
        for place, text in enumerate(texts[:MAX_RULES]):
            fault = _too_long(text) or (_field_fault(text) if kind == "fields" else _pattern_fault(text))
            if fault is not None:
                faults.append(FieldError(f"{kind}.{place}", fault))
    if rules.patterns and not faults and (fault := _fault_together(rules.patterns)) is not None:
        faults.append(FieldError("patterns", fault))
    return faults


def redactor_of(*rules: Redaction | None) -> Redactor | None:
    """Applies all of these rules together; None when there is none."""
    given = [one for one in rules if one is not None]
    fields = tuple(field for one in given for field in one.fields)
    patterns = tuple(pattern for one in given for pattern in one.patterns)
    return _redactor(fields, patterns) if fields or patterns else None


class Redactor:
    """Rules, ready to be applied. Arguments are those of `Redaction`."""

    def __init__(self, fields: Sequence[str], patterns: Sequence[str]) -> None:
        self._by_last_name: dict[str, list[tuple[str, ...]]] = {}
        for field in fields:
            path = tuple(field.lower().split("."))
            self._by_last_name.setdefault(path[-1], []).append(path)
        self._patterns = tuple(patterns)

    def text(self, stored: str | None) -> str | None:
        """JSON text with what the rules name replaced; None stays None."""
        if stored is None:
            return None
        return msgspec.json.encode(self.value(msgspec.json.decode(stored))).decode()

    def value(self, value: Any) -> Any:
        """A JSON value with what the rules name replaced."""
        return self._value(value, ())

    def _value(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict):
            return {self._words(key): self._field(key, inner, path) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._value(inner, path) for inner in value]
        if isinstance(value, str):
            return self._words(value)
        if isinstance(value, bool) or value is None:
            return value
        # A number may be somebody's card or telephone.
        text = str(value)
        return value if self._words(text) == text else REDACTED

    def _field(self, key: str, value: Any, path: tuple[str, ...]) -> Any:
        here = (*path, key.lower())
        named = self._by_last_name.get(here[-1], ())
        return REDACTED if any(here[-len(rule) :] == rule for rule in named) else self._value(value, here)

    def _words(self, text: str) -> str:
        redacted: str = self._any_pattern.sub(REDACTED, text) if self._patterns else text
        return redacted

    @cached_property
    def _any_pattern(self) -> Any:
        # One pass for all of them: one after the other, they would find matches in each other's `[redacted]`, and a
        # few that match a letter would let a text grow without end.
        return _compiled(_together(self._patterns), _WORKING_MEMORY_BYTES)


@lru_cache(_KEPT_REDACTORS)
def _redactor(fields: tuple[str, ...], patterns: tuple[str, ...]) -> Redactor:
    return Redactor(fields, patterns)


def _together(patterns: Sequence[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


def _compiled(pattern: str, memory_bytes: int = _PATTERN_MEMORY_BYTES) -> Any:
    import re2  # type: ignore[import-untyped]

    options = re2.Options()
    options.log_errors = False
    options.max_mem = memory_bytes
    return re2.compile(pattern, options=options)


def _too_long(text: str) -> str | None:
    return f"is longer than {MAX_RULE_LENGTH} characters" if len(text) > MAX_RULE_LENGTH else None


def _field_fault(field: str) -> str | None:
    return None if all(field.split(".")) else "is not a name or a dotted path such as user.email"


def _pattern_fault(pattern: str) -> str | None:
    import re2

    try:
        compiled = _compiled(pattern)
    except re2.error as error:
        return f"is no RE2 pattern: {_reason(error)}"
    if compiled.groupindex:
        return "names a group; write (?:…)"
    if any(found.start() == found.end() for probe in _PROBES for found in compiled.finditer(probe)):
        return "matches the empty text, so everything"
    return None


def _fault_together(patterns: Sequence[str]) -> str | None:
    import re2

    try:
        _compiled(_together(patterns))
    except re2.error as error:
        return f"do not go together: {_reason(error)}; use fewer or simpler ones"
    return None


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else "unknown"
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
