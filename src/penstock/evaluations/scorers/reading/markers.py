"""Markers: the words after which a model states its answer (`#### 18`, `The answer is 18`, `\\boxed{18}`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_MARKERS = ("####", r"\boxed{", "A:", "answer is", "answer:", "answer =")
_PARTS = re.compile(r"\w+|\s+|.")
_BETWEEN = r"[\s*_]{0,4}"
"""Between the parts of a marker may stand spaces and Markdown's emphasis: `**Answer**: 18`."""
_CANDIDATES = 1_000
_REACH_CHARS = 1_000
_GROWING = "İ"
"""The one letter that becomes longer in lower case."""
_BLANK = " \t\r*_$:`"


@dataclass(frozen=True, slots=True)
class Marker:
    """What stands after a marker on its line (on the next one that is not blank, when nothing does), and whether the
    marker has letters in it."""

    rest: str
    worded: bool


def markers_in(text: str, markers: Sequence[str] = DEFAULT_MARKERS) -> Iterator[Marker]:
    """The markers in the text, the last one first.

    A marker without a lower-case letter matches as it is written, every other one in any case. So that this takes time
    in proportion to the text, whatever the text is, only the last thousand candidates are looked at, and of the text
    after each a thousand characters.
    """
    text = text.replace(_GROWING, "I")
    lowered = text.lower()
    where = {marker: lowered if _any_case(marker) else text for marker in markers}
    places = {marker: where[marker].rfind(_first_part(marker)) for marker in markers}
    for _ in range(_CANDIDATES):
        marker = max(places, key=places.__getitem__, default=None)
        if marker is None or places[marker] < 0:
            return
        if found := _pattern(marker).match(text, places[marker]):
            window = text[found.end() : found.end() + _REACH_CHARS]
            rest = next((line for line in window.split("\n") if line.strip(_BLANK)), "")
            yield Marker(rest, any(map(str.isalpha, marker)))
        part = _first_part(marker)
        places[marker] = where[marker].rfind(part, 0, places[marker] + len(part) - 1)


@lru_cache(1_024)
def _first_part(marker: str) -> str:
    """Without this there is no such marker: a text is searched for it much faster than for a pattern."""
    part = _parts(marker)[0]
    return part.lower() if _any_case(marker) else part


@lru_cache(1_024)
def _pattern(marker: str) -> re.Pattern[str]:
    """The marker as a pattern; it is no part of a longer word."""
    joined = _BETWEEN.join(map(re.escape, _parts(marker)))
    start = r"(?<![A-Za-z0-9])" if marker[:1].isalnum() else ""
    end = r"(?![A-Za-z0-9])" if marker[-1:].isalnum() else ""
    return re.compile(start + joined + end, re.IGNORECASE if _any_case(marker) else 0)


def _parts(marker: str) -> list[str]:
    """Words and signs, without the spaces between; a marker of LaTeX stays whole."""
    if marker.startswith("\\") or not any(char.isalpha() for char in marker):
        return [marker]
    return [part for part in _PARTS.findall(marker) if not part.isspace()]


def _any_case(marker: str) -> bool:
    return any(char.islower() for char in marker) and not marker.startswith("\\")
