"""Markers: the words after which a model states its answer (`#### 18`, `The answer is 18`, `\\boxed{18}`)."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_MARKERS = ("####", r"\boxed{", "A:", "answer is", "answer:", "answer =")
_PARTS = re.compile(r"\w+|\s+|.")
_BETWEEN = r"[\s*_]{0,4}"
"""Between the parts of a marker may stand spaces and Markdown's emphasis: `**Answer**: 18`."""
_CANDIDATES = 100
_REACH_CHARS = 1_000
_BLANK = " \t\r*_$:`"


@dataclass(frozen=True, slots=True)
class Marker:
    """What stands after a marker on its line (on the next one that is not blank, when nothing does), and whether the
    marker has letters in it."""

    rest: str
    worded: bool


def markers_in(text: str, markers: Sequence[str] = DEFAULT_MARKERS) -> Iterator[Marker]:
    """The markers in the text, the last one first: at most the last hundred, and of the text after each a thousand
    characters, so that this takes time in proportion to the text, whatever the text is.

    A marker without a lower-case letter matches as it is written, every other one in any case.
    """
    lowered = text.lower()
    present = tuple(marker for marker in markers if _first_part(marker) in (lowered if _any_case(marker) else text))
    if not present:
        return
    for found in reversed(deque(_pattern(present).finditer(text), _CANDIDATES)):
        window = text[found.end() : found.end() + _REACH_CHARS]
        rest = next((line for line in window.split("\n") if line.strip(_BLANK)), "")
        yield Marker(rest, any(char.isalpha() for char in found.group()))


@lru_cache(1_024)
def _first_part(marker: str) -> str:
    """Without this there is no such marker: a text is searched for it much faster than for a pattern."""
    part = _parts(marker)[0]
    return part.lower() if _any_case(marker) else part


@lru_cache(1_024)
def _pattern(markers: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(_alternative(marker) for marker in markers))


def _alternative(marker: str) -> str:
    """The marker as a pattern; it is no part of a longer word."""
    parts = _parts(marker)
    # After its first character, so that the pattern begins with what can be searched for.
    first = re.escape(parts[0][0]) + (rf"(?<![A-Za-z0-9]{re.escape(parts[0][0])})" if parts[0][0].isalnum() else "")
    joined = _BETWEEN.join([first + re.escape(parts[0][1:]), *map(re.escape, parts[1:])])
    end = r"(?![A-Za-z0-9])" if marker[-1:].isalnum() else ""
    return f"(?i:{joined}{end})" if _any_case(marker) else f"(?:{joined}{end})"


def _parts(marker: str) -> list[str]:
    """Words and signs, without the spaces between; a marker of LaTeX stays whole."""
    if marker.startswith("\\") or not any(char.isalpha() for char in marker):
        return [marker]
    return [part for part in _PARTS.findall(marker) if not part.isspace()]


def _any_case(marker: str) -> bool:
    return any(char.islower() for char in marker) and not marker.startswith("\\")
