"""What spans were given and gave back, as plain text: for lists, and for whoever looks for a word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

_TEXT_KEYS = ("content", "text")
_MAX_DEPTH = 12


def text_of(value: Any, most: int, role: str | None = None) -> str | None:
    """The beginning of a value as text: of messages the last one, of those with this role if there is one."""
    if value is None:
        return None
    if isinstance(value, list) and value and all(isinstance(entry, dict) and "role" in entry for entry in value):
        spoken = [entry for entry in value if entry["role"] == role] or value
        value = _content(spoken[-1])
    if not isinstance(value, str):
        value = msgspec.json.encode(value).decode()
    return value[:most].replace("\0", "\ufffd") or None


def words_of(value: Any, most: int) -> Iterator[str]:
    """Every text in a value, about `most` characters of them together; names of members are left out."""
    waiting, left = [(value, 0)], most
    while waiting and left > 0:
        found, depth = waiting.pop()
        if isinstance(found, str):
            yield found[:left]
            left -= len(found) + 1
        elif depth < _MAX_DEPTH and isinstance(found, (dict, list)):
            inner = list(found.values()) if isinstance(found, dict) else found
            waiting += [(entry, depth + 1) for entry in reversed(inner[:most])]


def _content(message: dict[str, Any]) -> Any:
    content = message.get("content")
    if isinstance(content, list):
        texts = [_part(part) for part in content]
        return "\n".join(text for text in texts if text)
    if content in (None, ""):
        return message.get("tool_calls") or ""
    return content


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        return next((part[key] for key in _TEXT_KEYS if isinstance(part.get(key), str)), "")
    return ""
