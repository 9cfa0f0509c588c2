"""What an answer must look like, and what it must have in it."""

from __future__ import annotations

import msgspec

from penstock.evaluations.scorers.verifiable.kinds import Arguments, kind, pattern

_OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_FENCES = ("```json", "```Json", "```JSON", "```")


@kind("detectable_content:number_placeholders")
def number_placeholders(answer: str, given: Arguments) -> bool:
    """At least so many placeholders in square brackets, such as [name]."""
    return len(pattern(r"\[.*?\]").findall(answer)) >= given.number("num_placeholders")


@kind("detectable_content:postscript")
def postscript(answer: str, given: Arguments) -> bool:
    """A postscript with the given marker, in any case; P.S. and P.P.S may have spaces in them."""
    marker = given.text("postscript_marker").lower()
    spaced = {"p.p.s": r"p\.\s?p\.\s?s", "p.s.": r"p\.\s?s\."}.get(marker)
    return marker in answer.lower() if spaced is None else pattern(spaced).search(answer.lower()) is not None


@kind("detectable_format:number_bullet_lists")
def number_bullet_lists(answer: str, given: Arguments) -> bool:
    """Exactly so many bullet points: lines that begin with `*` (one of them) or `-`."""
    stars = pattern(r"(?m)^\s*\*[^\*].*$").findall(answer)
    dashes = pattern(r"(?m)^\s*-.*$").findall(answer)
    return len(stars) + len(dashes) == given.number("num_bullets")


@kind("detectable_format:constrained_response")
def constrained_response(answer: str, given: Arguments) -> bool:
    """One of the three sentences "My answer is yes.", "My answer is no.", "My answer is maybe." occurs."""
    return any(option in answer for option in _OPTIONS)


@kind("detectable_format:number_highlighted_sections")
def number_highlighted_sections(answer: str, given: Arguments) -> bool:
    """At least so many highlights, `*like this*` or `**like this**`. As published, the two are counted each by itself,
    so what stands between two of them can count as well."""
    single = (found.strip("*") for found in pattern(r"\*[^\n\*]*\*").findall(answer))
    double = (found.removeprefix("**").removesuffix("**") for found in pattern(r"\*\*[^\n\*]*\*\*").findall(answer))
    count = sum(1 for found in (*single, *double) if found.strip())
    return count >= given.number("num_highlights")


@kind("detectable_format:multiple_sections")
def multiple_sections(answer: str, given: Arguments) -> bool:
    """At least so many sections, each begun by the given word and a number: `Section 1`."""
    import re2  # type: ignore[import-untyped]

    word = re2.escape(given.text("section_spliter"))
    return len(pattern(rf"\s?{word}\s?\d+\s?").findall(answer)) >= given.number("num_sections")


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
    return any(found.lstrip("<").rstrip(">").strip() for found in pattern(r"<<[^\n]+>>").findall(answer))
