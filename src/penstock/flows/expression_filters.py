"""Filters, tests and functions of templates whose built-in forms could take any amount of memory or time.

They are strict: text is text, a number is a number, and null is neither. What they produce is charged to the
evaluation that is under way in this thread; see `begin`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import BuiltinMethodType
from typing import Any
from urllib.parse import quote

from penstock.errors import StepError
from penstock.flows.expression_rules import CLOCK_FUNCTION, NUMBER_FILTER

MAX_SECONDS = 0.25
MAX_PRODUCED_CHARS = 32_000_000
MAX_RANGE = 10_000
MAX_INDENT = 40


class _Meter(threading.local):
    """What the evaluation under way in this thread may still use."""

    deadline = 0.0
    chars = 0


_meter = _Meter()


def begin() -> None:
    """Start one evaluation: it has `MAX_SECONDS` in its loops and `MAX_PRODUCED_CHARS` in these filters."""
    _meter.deadline = time.monotonic() + MAX_SECONDS
    _meter.chars = MAX_PRODUCED_CHARS


def limit(message: str) -> StepError:
    """The error of an evaluation that takes too much."""
    return StepError("expression_limit", message)


def _charge(chars: int) -> None:
    _meter.chars -= chars
    if _meter.chars < 0:
        raise limit(f"it makes more than {MAX_PRODUCED_CHARS} characters; use a code node for work of this size")


def _clock() -> None:
    if time.monotonic() > _meter.deadline:
        raise limit(f"its loops take longer than {MAX_SECONDS} s; loop over less, or use a code node")


def _text(value: object, taker: str) -> str:
    if isinstance(value, str):
        return value
    raise _wrong(value, taker, "text")


def _wrong(value: object, taker: str, wanted: str) -> StepError:
    if value is None:
        return StepError("template_variable_missing", f"{taker} was given a value that is missing or null")
    return StepError("expression_failed", f"{taker} takes {wanted}, not {type(value).__name__}")


def _number(value: object, taker: str = "`*`") -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise _wrong(value, taker, "numbers")


def _scalar(value: object, taker: str) -> str:
    if isinstance(value, str | int | float):
        return value if isinstance(value, str) else _tojson(value)
    raise _wrong(value, taker, "text and numbers")


def _elements(value: object, taker: str) -> Iterable[Any]:
    if isinstance(value, Iterable):
        return value
    raise _wrong(value, taker, "a list")


def _field(element: object, attribute: str | None) -> object:
    if attribute is None:
        return element
    return element.get(attribute) if isinstance(element, Mapping) else None


def _join(value: object, separator: str = "", attribute: str | None = None) -> str:
    parts = [_scalar(_field(element, attribute), "`|join`") for element in _elements(value, "`|join`")]
    _charge(sum(map(len, parts)) + len(separator) * len(parts))
    return _text(separator, "`|join`").join(parts)


def _sum(value: object, attribute: str | None = None, start: int | float = 0) -> int | float:
    return sum((_number(_field(element, attribute), "`|sum`") for element in _elements(value, "`|sum`")), start)


def _string(value: object) -> str:
    if value is None:
        raise _wrong(value, "`|string`", "a value")
    return written(value)


def _tojson(value: object, indent: int | None = None) -> str:
    if indent is not None and not 0 <= indent <= MAX_INDENT:
        raise limit(f"`|tojson` indents by {MAX_INDENT} at most")
    try:
        text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False, default=list)
    except (TypeError, ValueError) as error:
        raise StepError("expression_failed", f"a value cannot be written as JSON: {error}") from None
    _charge(len(text))
    return text


def written(value: object) -> str:
    """A value as it stands in a text: text as it is, all else as JSON. Not escaped: it is not for pages."""
    if isinstance(value, str):
        _charge(len(value))
        return value
    if isinstance(value, BuiltinMethodType):
        raise StepError("template_variable_missing", f"there is no field {value.__name__!r}; or it needs `()`")
    if type(value) is int:
        return str(value)
    return _tojson(value)


def _replace(value: object, old: str, new: str, count: int = -1) -> str:
    text = _text(value, "`|replace`")
    _charge(len(text) + text.count(_text(old, "`|replace`")) * len(_text(new, "`|replace`")))
    return text.replace(old, new, count)


def _indent(value: object, width: int = 4, first: bool = False, blank: bool = False) -> str:
    text = _text(value, "`|indent`")
    if not 0 <= width <= MAX_INDENT:
        raise limit(f"`|indent` indents by {MAX_INDENT} at most")
    _charge(len(text) + text.count("\n") * width)
    lines = text.split("\n")
    margin = " " * width
    indented = [margin + line if (line or blank) and (first or index) else line for index, line in enumerate(lines)]
    return "\n".join(indented)


def _truncate(value: object, length: int = 255, end: str = "...") -> str:
    text = _text(value, "`|truncate`")
    return text if len(text) <= length else text[: max(0, length - len(end))] + end


def _split(value: object, separator: str | None = None, most: int = -1) -> list[str]:
    return _text(value, "`|split`").split(separator, most)


def _trim(value: object, chars: str | None = None) -> str:
    return _text(value, "`|trim`").strip(chars)


def _on_text(name: str, change: Callable[[str], Any]) -> Callable[[object], Any]:
    def apply(value: object) -> Any:
        return change(_text(value, f"`|{name}`"))

    return apply


def _in(value: Any, container: Any) -> bool:
    _charge(len(container))
    return value in container


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise limit(f"`range` makes {MAX_RANGE} numbers at most")
    return numbers


_TEXT_FILTERS: dict[str, Callable[[str], Any]] = {
    "capitalize": str.capitalize,
    "lines": str.splitlines,
    "lower": str.lower,
    "title": str.title,
    "upper": str.upper,
    "urlencode": quote,
}

FILTERS: dict[str, Callable[..., Any]] = {
    NUMBER_FILTER: _number,
    "indent": _indent,
    "join": _join,
    "replace": _replace,
    "split": _split,
    "string": _string,
    "sum": _sum,
    "tojson": _tojson,
    "trim": _trim,
    "truncate": _truncate,
    **{name: _on_text(name, change) for name, change in _TEXT_FILTERS.items()},
}
TESTS: dict[str, Callable[..., bool]] = {"in": _in}
GLOBALS: dict[str, Callable[..., Any]] = {"range": _range, CLOCK_FUNCTION: _clock}
REMOVED_FILTERS = (
    *("batch", "e", "escape", "filesizeformat", "format", "pluralize", "pprint"),
    *("random", "safe", "slice", "striptags", "wordwrap"),
)
REMOVED_GLOBALS = ("cycler", "debug", "joiner", "namespace")
