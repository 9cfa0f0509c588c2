"""Item paths: `3` is the fourth row, `3.7` the eighth element that a splitter made of it.

Where a flow has several splitters side by side, elements of the second and later ones carry its name: `3.pages:7`.
Paths are stored in a form whose text order is the order of items: every number padded to nine digits.
"""

from __future__ import annotations

WIDTH = 9
LARGEST_ORDINAL = 10**WIDTH - 1


def top(ordinal: int) -> str:
    """The stored path of a top-level item."""
    return f"{ordinal:09d}"


def child(parent: str, label: str | None, ordinal: int) -> str:
    """The stored path of an element that a splitter made of `parent`."""
    return f"{parent}.{label}:{ordinal:09d}" if label else f"{parent}.{ordinal:09d}"


def shown(path: str) -> str:
    """The path as people and programs see it: `000000003.000000007` becomes `3.7`."""
    return ".".join(_shown_part(part) for part in path.split("."))


def stored(path: str) -> str:
    """The stored form of a shown path. Raises ValueError when it is none."""
    return ".".join(_stored_part(part) for part in path.split("."))


def ordinal_of(path: str) -> int:
    """The number of the top-level item a stored path belongs to."""
    return int(path[:WIDTH])


def is_element(path: str) -> bool:
    """Whether a stored path is of an element that a splitter made."""
    return len(path) > WIDTH


def parents(path: str) -> list[str]:
    """The stored paths above this one, nearest first."""
    parts = path.split(".")
    return [".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1)]


def children_range(path: str) -> tuple[str, str]:
    """Bounds (low, high), both exclusive, that hold exactly the paths below this one."""
    return path + ".", path + "/"


def _shown_part(part: str) -> str:
    label, colon, digits = part.rpartition(":")
    return f"{label}{colon}{int(digits)}"


def _stored_part(part: str) -> str:
    label, colon, digits = part.rpartition(":")
    if not digits.isdigit() or len(digits) > WIDTH:
        raise ValueError(f"{part!r} is not a part of an item path such as 3 or 3.7")
    return f"{label}{colon}{int(digits):09d}"
