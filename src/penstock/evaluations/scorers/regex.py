"""`regex`: a part of the answer, found by a pattern."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field

from penstock.evaluations.scorers.base import Outcome, Sample, Unscorable, as_text, scored, scorer
from penstock.evaluations.scorers.pure import NO_TRUTH, ExtractingSettings, PureScorer, shown, truths_of
from penstock.evaluations.scorers.reading.normalising import TextSettings
from penstock.evaluations.scorers.reading.numbers import number_of

_PATTERN_MEMORY_BYTES = 1 << 20
"""Bounds what a pattern grows to, and with it how long it takes for each character."""


class RegexSettings(ExtractingSettings, TextSettings):
    type: Literal["regex"] = "regex"
    pattern: Annotated[str, Field(min_length=1, max_length=2_000)]
    """RE2, which takes time in proportion to the text. `(?i)` at its start ignores case, `(?s)` lets the dot match line
    ends, `(?m)` lets ^ and $ match at each line."""
    group: int | str | None = None
    """Which group is the answer, by number or name; by default the first, or the whole match where there is none."""
    which: Literal["first", "last"] = "last"
    """Which match counts when there are several."""
    compare: Literal["text", "number", "none"] = "text"
    """How the answer is compared with the truth; `none` asks for a match alone and needs no truth."""


@scorer
class Regex(PureScorer[RegexSettings]):
    """1 when the part of the answer that a pattern finds is the truth, as a text or as a number; any of several truths
    will do."""

    kind = "regex"
    title = "Regular expression"
    settings_type = RegexSettings

    @classmethod
    def check(cls, settings: RegexSettings) -> Iterable[tuple[str, str]]:
        import re2  # type: ignore[import-untyped]

        try:
            pattern = _compiled(settings.pattern)
        except re2.error as error:
            reason = error.args[0] if error.args else "unknown"
            yield "pattern", f"is no RE2 pattern: {reason.decode() if isinstance(reason, bytes) else reason}"
            return
        group = settings.group
        known = group in pattern.groupindex if isinstance(group, str) else 0 <= (group or 0) <= pattern.groups
        if not known:
            yield "group", f"the pattern has no group {group!r}"

    def grade(self, sample: Sample) -> Outcome:
        needs_truth = self.settings.compare != "none"
        if needs_truth and sample.truth is None:
            return NO_TRUTH
        found = self._find(sample.text)
        if found is None:
            return self.settings.nothing_found("The pattern matches nothing in the answer.")
        if not needs_truth:
            return scored(1.0, found)
        return self._by_number(found, sample) if self.settings.compare == "number" else self._by_text(found, sample)

    @cached_property
    def _pattern(self) -> Any:
        return _compiled(self.settings.pattern)

    def _find(self, text: str) -> str | None:
        matches = self._pattern.finditer(text)
        match = next(matches, None) if self.settings.which == "first" else next(iter(deque(matches, 1)), None)
        if match is None:
            return None
        group = self.settings.group
        found: str | None = match.group(min(1, self._pattern.groups) if group is None else group)
        return found

    def _by_text(self, found: str, sample: Sample) -> Outcome:
        answer = self.settings.normalised(found)
        expected = [self.settings.normalised(as_text(truth)) for truth in truths_of(sample)]
        if answer in expected:
            return scored(1.0, answer)
        return scored(0.0, answer, f"{shown(answer)} is not {' or '.join(map(shown, expected[:5]))}.")

    def _by_number(self, found: str, sample: Sample) -> Outcome:
        expected: list[Fraction] = [number.value for truth in truths_of(sample) if (number := number_of(truth))]
        if not expected:
            return Unscorable(f"The truth {shown(sample.truth_text)} holds no number.")
        number = number_of(found)
        if number is None:
            return self.settings.nothing_found(f"There is no number in {shown(found)}.")
        right = number.value in expected
        return scored(float(right), found, None if right else f"{shown(found)} is not {shown(sample.truth_text)}.")


def _compiled(pattern: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _PATTERN_MEMORY_BYTES
    return re2.compile(pattern, options=options)
