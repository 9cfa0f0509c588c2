"""Words, sentences and syllables of a text."""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"\w+")
_ENGLISH_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)*")
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT = re.compile(
    r"(?<![aeiouyl])e$|(?<=[aeiouy]l)e$"
    r"|(?<![aeiouylsxzcg])(?<![cs]h)es$|(?<=[aeiouy]l)es$"
    r"|(?<![aeiouyltd])ed$|(?<=[aeiouy]l)ed$|(?<=ll)ed$"
)
_ENDS = re.compile(r"[.!?…。！？]+[\"'”’)\]*_]*(?=\s|$)|(?<=[。！？])|\n[ \t]*\n")
_ABBREVIATED = """
    mr mrs ms dr prof sr jr st vs etc e.g i.e cf no fig al inc ltd co corp dept est approx u.s u.k a.m p.m ph.d
    jan feb mar apr jun jul aug sep sept oct nov dec
"""
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_LONGEST_ABBREVIATION = 12
_LAST_WORD = re.compile(r"[\w.]+$")


def words(text: str) -> list[str]:
    """Runs of letters, digits and underscores, in any script."""
    return _WORD.findall(text)


def english_words(text: str) -> list[str]:
    """Runs of Latin letters; an apostrophe within one is part of it."""
    return _ENGLISH_WORD.findall(text)


def has_words(text: str, wanted: str) -> bool:
    """Whether `wanted` stands in a text as whole words: no letter or digit goes on at either of its ends."""
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not _joined(text, start) and not _joined(text, end):
            return True
        start = text.find(wanted, start + 1)
    return False


def _joined(text: str, place: int) -> bool:
    return 0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum()


def sentences(text: str) -> list[str]:
    """A sentence ends with . ! ? … (or a full stop of Chinese and Japanese) before a space or the end, or with an empty
    line. Common abbreviations, initials and ordinals in front of a list's line end none."""
    found, start = [], 0
    for end in _ENDS.finditer(text):
        if end.group().startswith(".") and _abbreviated(text, end.start()):
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    found.append(text[start:].strip())
    return [sentence for sentence in found if any(char.isalnum() for char in sentence)]


def _abbreviated(text: str, stop: int) -> bool:
    """Whether the word before a full stop is an abbreviation, an initial, or the number in front of a list's line."""
    before = text[max(0, stop - _LONGEST_ABBREVIATION) : stop]
    last = _LAST_WORD.search(before)
    if last is None:
        return False
    word = last.group()
    if word.isdigit():
        line = before.rpartition("\n")[2]
        return line.strip() == word and (line != before or stop <= _LONGEST_ABBREVIATION)
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper() and word != "I")


@lru_cache(20_000)
def syllables(word: str) -> int:
    """Syllables of an English word by rule, not by dictionary: runs of vowels (a e i o u y), less an ending that is not
    spoken (`-e` and `-es` as in make, makes; `-ed` as in jumped; but not in table, boxes, wanted), at least one."""
    lowered = word.lower()
    return max(1, len(_VOWELS.findall(_SILENT.sub("", lowered))))
