"""References to data: `input.review`, `classify.out`, `crawl.out.urls[0]`, `node._input.x`, `check.true.review`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from penstock.errors import StepError
from penstock.types import Json

_PART = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_-]*)|\[(\d{1,9})\]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

INPUT = "input"
SYSTEM = "system"
OUT = "out"
RECEIVED = "_input"
SYSTEM_FIELDS = frozenset({"timestamp", "flowId", "flowVersion", "executionId", "itemPath"})
RESERVED = frozenset({INPUT, SYSTEM, OUT, RECEIVED, "previous"})


class ReferenceSyntaxError(ValueError):
    """The text is no reference; the message shows the form of one."""


@dataclass(frozen=True, slots=True)
class Reference:
    """`root` is `input`, `system` or a node; `port` is `out`, `_input` or a condition's branch; then a path."""

    text: str
    root: str
    port: str | None
    path: tuple[str | int, ...]

    @property
    def is_node(self) -> bool:
        return self.root not in (INPUT, SYSTEM)


def parse(text: str) -> Reference:
    """Raises `ReferenceSyntaxError`."""
    parts: list[str | int] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None or (position == 0) == match.group(0).startswith((".", "[")):
            raise ReferenceSyntaxError(f"{text!r} is not a reference such as input.review or classify.out.label")
        parts.append(match.group(1) if match.group(1) is not None else int(match.group(2)))
        position = match.end()
    if not parts or not isinstance(parts[0], str):
        raise ReferenceSyntaxError("a reference is empty; write one such as input.review or classify.out")
    root, rest = parts[0], parts[1:]
    if root in (INPUT, SYSTEM):
        return Reference(text, root, None, tuple(rest))
    if not rest:
        return Reference(text, root, OUT, ())
    port = rest[0]
    if not isinstance(port, str):
        raise ReferenceSyntaxError(f"{text!r}: write {root}.out[…]")
    return Reference(text, root, port, tuple(rest[1:]))


def is_node_name(text: str) -> bool:
    """Letters, digits and underscores, not beginning with a digit, and none of the reserved words."""
    return _NAME.fullmatch(text) is not None and text not in RESERVED


def follow(value: Json, reference: Reference) -> Json:
    """The value at the reference's path. Raises `StepError` where the path leads nowhere."""
    for part in reference.path:
        if isinstance(part, str) and isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(part, int) and _is_list(value) and part < len(value):  # type: ignore[arg-type]
            value = value[part]  # type: ignore[index]
        else:
            raise StepError("reference_missing", f"{reference.text}: there is no {part!r} in {_shape(value)}.")
    return value


def _is_list(value: Json) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _shape(value: Json) -> str:
    if isinstance(value, Mapping):
        names = ", ".join(sorted(value)[:10])
        return f"an object with {names}" if names else "an empty object"
    if _is_list(value):
        return f"a list of {len(value)}"  # type: ignore[arg-type]
    return "nothing" if value is None else f"a {type(value).__name__}"
