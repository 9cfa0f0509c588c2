"""Finding the number that an answer states."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from penstock.evaluations.scorers.reading.markers import DEFAULT_MARKERS, Marker, markers_in
from penstock.types import Json

MAX_NUMBER_CHARS = 400
"""Longer runs of digits are no answers (a model that repeats itself), and exact arithmetic on them is slow."""
MAX_EXPONENT = 400
_CANDIDATES = 50

_NUMBER = re.compile(
    r"""
    (?=[-−.٫\\$€£¥₹₽₩\d])  # A quick no for most characters.
    (?: (?P<sign> (?<![\w)\]}]) [-−] )? (?: \\?[$€£¥₹₽₩] \s? (?P<late> [-−] )? )?
        (?P<dated> (?<=\d/) )? (?<![A-Za-z]_) (?<![A-Za-z\d]) (?<!\d\.)
        (?P<number> \d{1,3} (?: (?: [,٬'’\u00a0\u2009\u202f] | \\, | \{,\} ) \d{3} )+ (?!\d) (?: [.٫]\d+ )?
                  | \d+ (?: [.٫]\d+ )?
                  | [.٫]\d+ )
        (?: [eE] (?P<exponent> [-+−]?\d+ ) (?!\w)
          | \s?(?: × | \\times | \\cdot | [x*] )\s?10\^ \{? (?P<power> [-−]?\d+ ) \}?
          | (?(dated) (?!) ) \s?/\s? (?P<denominator> \d++ ) (?! \s?/ | \.\d ) )?
      | (?P<minus> (?<![\w)\]}]) [-−] )? \\[dt]?frac \s? \{ \s? (?P<above> [-−]?\d+ ) \s? \} \s?
        \{ \s? (?P<below> \d+ ) \s? \} )
    (?P<percent> \s? \\?% )?
    """,
    re.VERBOSE,
)
_DIGIT = re.compile(r"\d")
_ANYTHING_BUT_DIGITS = re.compile(r"[^\d]")
_SUM = re.compile(r"[\s\d+\-−*/×÷x().,$€£¥^%=]*=")
"""Arithmetic up to its last equals sign: in `A: 3 + 4 = 7` the answer is what follows."""
_SWAPPED = str.maketrans(",.", ".,")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it stands in a text, and its exact value."""

    text: str
    value: Fraction


@dataclass(frozen=True, slots=True)
class NumberRules:
    """How numbers are read.

    `fallback` says which number of the text is the answer when none follows a marker. `decimal_comma` reads `1.234,5`
    as English writes 1,234.5. `percent_as_fraction` reads 50 % as 0.5; otherwise it is 50.
    """

    markers: Sequence[str] = DEFAULT_MARKERS
    fallback: Literal["last", "first", "none"] = "last"
    decimal_comma: bool = False
    percent_as_fraction: bool = False


ENGLISH = NumberRules()


def number_in(text: str, rules: NumberRules = ENGLISH) -> Number | None:
    """The number an answer states: the one after the last marker that is followed by one, else the last (or first).

    After a marker that is only signs (`####` is also a heading in Markdown) the number must come before any letter.
    """
    if rules.decimal_comma:
        text = text.translate(_SWAPPED)
    for marker in markers_in(text, rules.markers):
        found = _after(marker, rules)
        if found is not None:
            return found
    if rules.fallback == "none":
        return None
    return _first(text, rules) if rules.fallback == "first" else _last(text, rules)


def number_of(value: Json, rules: NumberRules = ENGLISH) -> Number | None:
    """A truth as a number: a JSON number itself, a text as `number_in` reads it; None where there is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return Number(repr(value), Fraction(repr(value))) if math.isfinite(value) else None
    return number_in(value, rules) if isinstance(value, str) else None


def _after(marker: Marker, rules: NumberRules) -> Number | None:
    rest = marker.rest
    if (total := _SUM.match(rest)) is not None and (found := _first(rest[total.end() :], rules)) is not None:
        return found
    for match in _NUMBER.finditer(rest):
        if not marker.worded and any(char.isalpha() for char in rest[: match.start()]):
            return None
        if (found := _number(match, rules)) is not None:
            return found
    return None


def _first(text: str, rules: NumberRules) -> Number | None:
    return next(_numbers(text, rules), None)


def _last(text: str, rules: NumberRules) -> Number | None:
    """The last number of the last line that has one; of a line only the last few are looked at."""
    for line in reversed(text.splitlines()):
        if _DIGIT.search(line):
            for match in reversed(deque(_NUMBER.finditer(line), _CANDIDATES)):
                if (found := _number(match, rules)) is not None:
                    return found
    return None


def _numbers(text: str, rules: NumberRules) -> Iterator[Number]:
    for match in _NUMBER.finditer(text):
        number = _number(match, rules)
        if number is not None:
            yield number


def _number(match: re.Match[str], rules: NumberRules) -> Number | None:
    """The value of a match; None where it is too long, too large, or divides by nothing."""
    text = match.group()
    if len(text) > MAX_NUMBER_CHARS:
        return None
    parts = match.groupdict()
    value = _fraction(parts) if parts["above"] else _plain(parts)
    if value is None:
        return None
    if parts["sign"] or parts["late"] or parts["minus"]:
        value = -value
    if parts["percent"] and rules.percent_as_fraction:
        value /= 100
    return Number(text.strip(), value)


def _fraction(parts: dict[str, str]) -> Fraction | None:
    below = int(parts["below"])
    return Fraction(_integer(parts["above"]), below) if below else None


def _plain(parts: dict[str, str]) -> Fraction | None:
    whole, _, decimals = parts["number"].replace("٫", ".").partition(".")
    value = Fraction(f"{_ANYTHING_BUT_DIGITS.sub('', whole) or '0'}.{decimals or '0'}")
    if power := parts["exponent"] or parts["power"]:
        exponent = _integer(power)
        return value * Fraction(10) ** exponent if abs(exponent) <= MAX_EXPONENT else None
    if parts["denominator"]:
        below = int(parts["denominator"])
        return value / below if below else None
    return value


def _integer(text: str) -> int:
    return int(text.replace("−", "-"))
