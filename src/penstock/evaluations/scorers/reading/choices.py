"""Finding which of several choices an answer takes."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from penstock.evaluations.scorers.reading.markers import DEFAULT_MARKERS, markers_in
from penstock.evaluations.scorers.reading.words import has_words
from penstock.types import Json

LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_CHOICES = 100
_USUAL_LABELS = 10
_SHORT = 200
_ABOUT = "or|and|is|was|because|since|as|seems|looks|fits|would|but|here"
_DENIAL = re.compile(r"(?i)\b(?:not|isn['’]t|than)\b[\s*_(\[]*(?:(?:option|choice)\s+)?[*_(\[]*\Z")
_DENIAL_CHARS = 20
_CANDIDATES = 1_000
_SENTENCE = re.compile(r"[.!?](?:\s|$)|\n")

# "A:" is how an option begins as often as how an answer does.
MARKERS = (*(marker for marker in DEFAULT_MARKERS if marker != "A:"), "option is", "choice is", "option:", "choice:")


@dataclass(frozen=True, slots=True)
class Choice:
    label: str
    text: str = ""


def choices_of(given: Json) -> tuple[Choice, ...]:
    """The choices of a row: `{"A": text, …}`, texts in a list (labelled A, B, C …), `{label, text}` in a list, or
    `{"label": […], "text": […]}`; nothing where they are none of these, or more than a hundred."""
    choices = tuple(Choice(str(label), str(text)) for label, text in _pairs(given))
    return choices if len(choices) <= MAX_CHOICES and all(choice.label for choice in choices) else ()


def _pairs(given: Json) -> Iterable[tuple[Json, Json]]:
    if isinstance(given, Mapping):
        labels, texts = given.get("label"), given.get("text")
        sides = isinstance(labels, list) and isinstance(texts, list)
        return zip(labels, texts, strict=False) if sides else given.items()  # type: ignore[arg-type]
    if not isinstance(given, list):
        return ()
    if all(isinstance(one, Mapping) and {"label", "text"} <= one.keys() for one in given):
        return ((one["label"], one["text"]) for one in given)
    return zip(LABELS, given, strict=False) if len(given) <= len(LABELS) else ()


def letters(up_to: str) -> tuple[Choice, ...]:
    """The choices where a row names none: A to J, and further where the truth lies beyond."""
    return tuple(Choice(label) for label in LABELS[: max(_USUAL_LABELS, LABELS.find(up_to) + 1)])


def label_of(truth: Json, choices: Sequence[Choice]) -> str | None:
    """The label that a truth names: by itself (`B`, `(b)`, `B.`), by the choice's text, or by its place from 0."""
    wanted = str(truth).strip().strip("()[]. ").casefold()
    for choice in choices:
        if choice.label.casefold() == wanted:
            return choice.label
    if isinstance(truth, int) and not isinstance(truth, bool) and 0 <= truth < len(choices):
        return choices[truth].label
    return next((choice.label for choice in choices if choice.text and plain(choice.text) == plain(str(truth))), None)


def plain(text: str) -> str:
    """A text as choices are compared: NFKC, case and runs of space aside, without the full stop at its end."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".")


def chosen(text: str, choices: Sequence[Choice]) -> frozenset[str]:
    """The labels of the choices an answer takes: one, none where nothing was found, several where it is ambiguous.

    The surest sign decides: the whole answer is a choice; it is declared (`the answer is (B)`), the last declaration
    being the one that counts; the answer begins with it (`B. Paris`); it is set apart (`(B)`, `**B**`, `option B`);
    only one choice's text is mentioned; only one letter stands alone. Lines that merely list the choices are left out.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    signs = _signs(tuple(choice.label for choice in choices))
    if found := _whole(text, signs, choices) or _declared(text, signs, choices):
        return found
    text = _without_list(text, signs)
    if leading := signs.leading.match(text):
        return _and_others(leading, signs)
    if apart := _affirmed(signs.apart, text, signs):
        return apart
    mentioned = _mentioned(text, choices)
    if len(mentioned) == 1:
        return mentioned
    alone = _affirmed(signs.alone, text, signs)
    return alone if len(alone) == 1 or not mentioned else mentioned


@dataclass(frozen=True, slots=True)
class _Signs:
    """Patterns for one set of labels. Of their groups only one takes part in a match: the label."""

    by_case: Mapping[str, str]
    whole: re.Pattern[str]
    declared: re.Pattern[str]
    another: re.Pattern[str]
    leading: re.Pattern[str]
    apart: re.Pattern[str]
    alone: re.Pattern[str]

    def labels(self, match: re.Match[str]) -> frozenset[str]:
        return frozenset({self.by_case[match[match.lastindex or 0].casefold()]})


@lru_cache(256)
def _signs(labels: tuple[str, ...]) -> _Signs:
    any_of = "|".join(map(re.escape, sorted(labels, key=len, reverse=True)))
    label, any_case = f"({any_of})", f"((?i:{any_of}))"
    opened = r"[\s*_`\"'“‘\[({<$]*+(?:\\(?:text|textbf|mathrm|mathbf)\{)?(?i:(?:option|choice|answer)\b[\s*_:(\[]*+)?"
    closed = r"[\s*_`\"'”’\])}>$.:;,!]*+"
    no_letter, before = r"(?![A-Za-z0-9À-ɏ])", r"(?<![A-Za-z0-9À-ɏ'’])"
    letter = "|".join(re.escape(one) for one in labels if one.isalpha())
    # A and I are words as well: where a word in small letters follows, unless it is one that goes on about a choice.
    no_word = rf"(?!(?<=A)[ \t]+(?!(?:{_ABOUT})\b)[a-zà-ɏ]|(?<=I)(?:[ \t]+[a-zà-ɏ]|['’][A-Za-z]))"
    return _Signs(
        by_case={one.casefold(): one for one in labels},
        whole=re.compile(rf"(?:A:)?{opened}{any_case}{closed}\Z"),
        declared=re.compile(rf"{opened}(?:{label}{no_letter}|{any_case}(?=\s*+(?:[)\].,:;*}}]|\Z)))"),
        another=re.compile(
            rf"[\s*_)\].]*+(?:,|/|&|\bor\b|\band\b)[\s*_(\[]*+(?:(?:or|and)\b[\s*_(\[]*+)?{label}{no_letter}"
        ),
        leading=re.compile(rf"[\s*_(\[#>-]*+{label}[*_]{{0,2}}[)\].:][*_]{{0,2}}(?=\s|\Z)"),
        apart=re.compile(
            rf"[(\[]((?i:{any_of}))[)\]]|\*\*({any_of})[.)]?\*\*"
            rf"|(?i:\b(?:option|choice)\s)[*(\[]{{0,3}}({any_of}){no_letter}"
        ),
        alone=re.compile(rf"{before}({letter or '(?!)'}){no_letter}{no_word}"),
    )


def _whole(text: str, signs: _Signs, choices: Sequence[Choice]) -> frozenset[str]:
    if len(text) <= _SHORT and (match := signs.whole.match(text)):
        return signs.labels(match)
    answer = plain(text.strip("*_`\"' "))
    return frozenset(choice.label for choice in choices if choice.text and plain(choice.text) == answer)


def _declared(text: str, signs: _Signs, choices: Sequence[Choice]) -> frozenset[str]:
    """What stands after the last marker that is followed by a label or by a choice's text."""
    for marker in markers_in(text, MARKERS):
        if match := signs.declared.match(marker.rest):
            return _and_others(match, signs)
        if mentioned := _mentioned(_SENTENCE.split(marker.rest, maxsplit=1)[0], choices):
            return mentioned
    return frozenset()


def _and_others(match: re.Match[str], signs: _Signs) -> frozenset[str]:
    """The label of a match, and those that go on from it: `B or C`."""
    found, place = signs.labels(match), match.end()
    while another := signs.another.match(match.string, place):
        found, place = found | signs.labels(another), another.end()
    return found


def _without_list(text: str, signs: _Signs) -> str:
    """The text without the lines that list the choices, where it does so."""
    lines = text.splitlines()
    listed = [signs.leading.match(line) for line in lines]
    if len({match[1] for match in listed if match}) < 2:
        return text
    return "\n".join(line for line, match in zip(lines, listed, strict=True) if not match).strip()


def _affirmed(pattern: re.Pattern[str], text: str, signs: _Signs) -> frozenset[str]:
    """The labels a pattern finds where no "not" stands before; of a text with very many, only the last ones."""
    found = frozenset[str]()
    for match in deque(pattern.finditer(text), _CANDIDATES):
        if not _DENIAL.search(text, max(0, match.start() - _DENIAL_CHARS), match.start()):
            found |= signs.labels(match)
    return found


def _mentioned(text: str, choices: Sequence[Choice]) -> frozenset[str]:
    """The choices whose text stands in the answer as whole words and not only as a part of another one's."""
    answer = plain(text)
    found = {
        choice.label: plain(choice.text) for choice in choices if choice.text and has_words(answer, plain(choice.text))
    }
    return frozenset(
        label
        for label, inner in found.items()
        if not any(inner in other and inner != other for other in found.values())
    )
