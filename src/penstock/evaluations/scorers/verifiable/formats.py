"""What an answer must look like, and what it must have in it."""

from __future__ import annotations

import re

import msgspec

from penstock.evaluations.scorers.verifiable.kinds import Arguments, kind

_STAR = re.compile(r"(?m)^[^\S\n]*+\*[^*].*$")
_DASH = re.compile(r"(?m)^[^\S\n]*+-.*$")
_HIGHLIGHT = re.compile(r"\*[^\n*]*\*")
_DOUBLE_HIGHLIGHT = re.compile(r"\*\*[^\n*]*\*\*")
_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_FENCES = ("```json", "```Json", "```JSON", "```")


@kind("detectable_content:number_placeholders")
def number_placeholders(answer: str, given: Arguments) -> bool:
    """At least so many placeholders in square brackets, such as [name]."""
    return sum(map(_placeholders, answer.split("\n"))) >= given.number("num_placeholders")


def _placeholders(line: str) -> int:
    count, start = 0, line.find("[")
    while start >= 0 and (end := line.find("]", start)) >= 0:
        count, start = count + 1, line.find("[", end)
    return count


@kind("detectable_content:postscript")
def postscript(answer: str, given: Arguments) -> bool:
    """A postscript with the given marker, in any case; P.S. and P.P.S may have spaces in them."""
    marker = given.text("postscript_marker").lower()
    spaced = {"p.p.s": r"p\.\s?p\.\s?s", "p.s.": r"p\.\s?s\."}.get(marker)
    return marker in answer.lower() if spaced is None else re.search(spaced, answer.lower()) is not None


@kind("detectable_format:number_bullet_lists")
def number_bullet_lists(answer: str, given: Arguments) -> bool:
    """Exactly so many bullet points: lines that begin with `*` (one of them) or `-`."""
    stars, dashes = _STAR.findall(answer), _DASH.findall(answer)
    return len(stars) + len(dashes) == given.number("num_bullets")


@kind("detectable_format:constrained_response")
def constrained_response(answer: str, given: Arguments) -> bool:
    """One of the three sentences "My answer is yes.", "My answer is no.", "My answer is maybe." occurs."""
    return any(option in answer for option in _OPTIONS)


@kind("detectable_format:number_highlighted_sections")
def number_highlighted_sections(answer: str, given: Arguments) -> bool:
    """At least so many highlights, `*like this*` or `**like this**`. As published, the two are counted each by itself,
    so what stands between two of them can count as well."""
    single = (found.strip("*") for found in _HIGHLIGHT.findall(answer))
    double = (found.removeprefix("**").removesuffix("**") for found in _DOUBLE_HIGHLIGHT.findall(answer))
    count = sum(1 for found in (*single, *double) if found.strip())
    return count >= given.number("num_highlights")


@kind("detectable_format:multiple_sections")
def multiple_sections(answer: str, given: Arguments) -> bool:
    """At least so many sections, each begun by the given word and a number: `Section 1`."""
    word = re.escape(given.text("section_spliter"))
    return len(re.findall(rf"\s?{word}\s?\d+\s?", answer)) >= given.number("num_sections")


@kind("detectable_format:json_format")
def json_format(answer: str, given: Arguments) -> bool:
    """The whole answer is JSON; a code fence may stand around it."""
    text = answer.strip()
    for fence in _FENCES:
        text = text.removeprefix(fence)
    try:
        msgspec.json.decode(text.removesuffix("```").strip())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


@kind("detectable_format:title")
def title(answer: str, given: Arguments) -> bool:
    """A title in double angular brackets, with something in it: <<A title>>."""
    return any(map(_title, answer.split("\n")))


def _title(line: str) -> str:
    """What stands between the first << and the last >> of a line."""
    start, end = line.find("<<"), line.rfind(">>")
    return line[start:end].lstrip("<").rstrip(">").strip() if 0 <= start < end else ""
