"""`numeric`: the number an answer states, against the one the row expects."""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field

from penstock.evaluations.scorers.base import Outcome, Sample, Unscorable, scored, scorer
from penstock.evaluations.scorers.pure import NO_TRUTH, ExtractingSettings, PureScorer, shown, truths_of
from penstock.evaluations.scorers.reading.markers import DEFAULT_MARKERS
from penstock.evaluations.scorers.reading.numbers import Number, NumberRules, number_in, number_of

Tolerance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class NumericSettings(ExtractingSettings):
    type: Literal["numeric"] = "numeric"
    tolerance: Tolerance = 0.0
    """By how much the number may be off."""
    relative_tolerance: Tolerance = 0.0
    """By how much it may be off as a share of the truth; the larger of the two allowances counts."""
    markers: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=50)] = (
        DEFAULT_MARKERS
    )
    """What an answer is announced with. The number after the last marker counts. A marker without a lower-case letter
    matches as it is written, every other one in any case."""
    fallback: Literal["last", "first", "none"] = "last"
    """Which number of the answer counts when none follows a marker."""
    decimal_comma: bool = False
    """Read 1.234,5 as English writes 1,234.5."""
    percent_as_fraction: bool = False
    """Read 50 % as 0.5; otherwise the sign is left out and it is 50."""


@scorer
class Numeric(PureScorer[NumericSettings]):
    """1 when the number the answer states is that of the truth, exactly or within a tolerance; any of several truths
    will do. Numbers are compared as exact fractions, so 0.1 + 0.2 is 0.3, and 18.0 is 18."""

    kind = "numeric"
    title = "Number"
    settings_type = NumericSettings

    def grade(self, sample: Sample) -> Outcome:
        truths = truths_of(sample)
        if not truths:
            return NO_TRUTH
        expected = [number for truth in truths if (number := number_of(truth, self._rules)) is not None]
        if not expected:
            return Unscorable(f"The truth {shown(sample.truth_text)} holds no number.")
        found = number_in(sample.text, self._rules)
        if found is None:
            return self.settings.nothing_found("There is no number in the answer.")
        if any(self._agree(found, number) for number in expected):
            return scored(1.0, found.text)
        return scored(0.0, found.text, f"{found.text} is not {' or '.join(number.text for number in expected[:5])}.")

    @cached_property
    def _rules(self) -> NumberRules:
        settings = self.settings
        return NumberRules(settings.markers, settings.fallback, settings.decimal_comma, settings.percent_as_fraction)

    @cached_property
    def _allowances(self) -> tuple[Fraction, Fraction]:
        return Fraction(repr(self.settings.tolerance)), Fraction(repr(self.settings.relative_tolerance))

    def _agree(self, found: Number, expected: Number) -> bool:
        absolute, relative = self._allowances
        return abs(found.value - expected.value) <= max(absolute, relative * abs(expected.value))
