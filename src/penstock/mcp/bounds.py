"""How much of a thing fits into an answer: a model reads all of it, and pays for each word."""

from __future__ import annotations

import json
from typing import Any

PREVIEW_CHARS = 200
"""Of a text in a list."""
TEXT_CHARS = 6_000
"""Of a text that was asked for; the rest follows from an offset."""
ANSWER_CHARS = 20_000
"""Of an answer with many values, about: the fewer there are, the more of each is shown."""


def as_text(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def preview(value: Any, limit: int = PREVIEW_CHARS) -> str | None:
    """One line of at most so many characters, which says when there are more. None stays None."""
    if value is None:
        return None
    text = as_text(value)
    line = " ".join(text[: 4 * limit].split())
    if len(line) <= limit and len(text) <= 4 * limit:
        return line
    return f"{line[:limit]} … ({len(text):,} characters)"


def whole_or_cut(value: Any, limit: int) -> Any:
    """A value as it is where its JSON takes at most so many characters, else the beginning of it as text."""
    text = as_text(value)
    return value if len(text) <= limit else f"{text[:limit]} … ({len(text):,} characters)"
