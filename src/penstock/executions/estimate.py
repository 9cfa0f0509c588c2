"""How long a run will still take, from how long its items take.

The distribution of durations is estimated from the last finished items and from the ages of those under way, which are
durations too, only cut off: the Kaplan-Meier estimator takes both, so that a run whose slow items have not finished
yet does not look quick. From it follow

    the items that wait    W · m / A: W of them, A at a time, m the mean duration (Little's law)
    the last A items       the longest of what is left of each: of the ages known, once nothing waits any more

The median is their sum. The 90th percentile adds, as independent deviations: the spread of the sum of W durations, the
error of m, how m has changed within the window, what cannot be foreseen at all, the share of durations that are longer
than any seen yet, and the spread of the longest of the last ones.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

WINDOW = 400
SAMPLE = 60
BISECTIONS = 12
TOO_LITTLE_KNOWN = 0.75
"""There is no estimate while more than this share of durations is longer than any that has been seen."""
Z90 = 1.2816
"""90th percentile of the standard normal distribution."""
UNFORESEEN = 0.2
"""Share of the time left by which runs drift without any sign of it before."""


@dataclass(slots=True)
class Pace:
    """Durations of the last finished items of a run, in milliseconds, oldest first."""

    durations: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOW))

    def finished(self, duration_ms: int) -> None:
        self.durations.append(max(0, duration_ms))

    def left_ms(self, waiting: int, ages_ms: Sequence[int]) -> tuple[float, float] | None:
        """Median and 90th percentile of the time until `waiting` items, and those under way, are finished.

        None until two items are finished, or when nothing is left.
        """
        if len(self.durations) < 2 or (not waiting and not ages_ms):
            return None
        lanes = max(1, len(ages_ms))
        recent = list(self.durations)[-max(30, 4 * lanes) :]
        known = Durations(recent, _some(ages_ms))
        if known.unknown > TOO_LITTLE_KNOWN:
            return None
        if waiting:
            drained = waiting * known.mean / lanes
            last = [known.longest_anew(lanes, share) for share in (0.5, 0.9)]
        else:
            drained = 0.0
            last = [known.longest_left(ages_ms, share) for share in (0.5, 0.9)]
        median = drained + last[0]
        deviations = (
            known.deviation * math.sqrt(waiting) / lanes,
            drained * known.deviation / known.mean / math.sqrt(len(recent) - 1),
            drained * _drift(recent),
            median * UNFORESEEN * math.sqrt(1 + waiting / len(recent)),
            median * known.unknown,
            (last[1] - last[0]) / Z90,
        )
        return median, median + Z90 * math.hypot(*deviations)


class Durations:
    """The distribution of durations: `times` with the share that takes longer than each.

    Nobody knows how long those last that have lasted longest: what is left of them is taken to be exponential, its mean
    the geometric mean of a usual duration (as if they had no memory) and of the longest (as if they had a long tail).
    """

    def __init__(self, finished: Sequence[int], ages: Sequence[int]) -> None:
        self.times: list[float] = []
        self.longer: list[float] = []
        observed = sorted([(float(time), 0) for time in finished] + [(float(age), 1) for age in ages])
        share, at_risk = 1.0, len(observed)
        for time, cut_off in observed:
            if not cut_off:
                share *= 1 - 1 / at_risk
                self._step(time, share)
            at_risk -= 1
        self.unknown = share
        longest = max(1.0, observed[-1][0])
        typical = max(1.0, sum(finished) / len(finished))
        self._more = math.sqrt(typical * longest)
        if share > 0:
            for quantile in (0.125, 0.375, 0.625, 0.875):
                self._step(longest - self._more * math.log(1 - quantile), share * (0.875 - quantile))
        self._areas = self._integrate()
        self.mean = max(1e-3, self._areas[-1])
        squares = sum(
            time * time * (before - after)
            for time, before, after in zip(self.times, [1.0, *self.longer], self.longer, strict=False)
        )
        self.deviation = math.sqrt(max(0.0, squares - self.mean**2))

    def _step(self, time: float, share: float) -> None:
        self.times.append(time)
        self.longer.append(max(0.0, share))

    def _integrate(self) -> list[float]:
        """Area below the curve of `longer` up to each of the times."""
        areas, area, before, share = [], 0.0, 0.0, 1.0
        for time, after in zip(self.times, self.longer, strict=True):
            area += (time - before) * share
            areas.append(area)
            before, share = time, after
        return areas

    def takes_longer(self, time: float) -> float:
        """Share of durations above a time."""
        index = bisect_right(self.times, time)
        return 1.0 if index == 0 else self.longer[index - 1]

    def longest_anew(self, count: int, share: float) -> float:
        """The time within which `count` items that are somewhere in their middle are all finished, with probability
        `share`. What is left of a duration met at random has the density of `longer` over the mean."""
        wanted = share ** (1 / count) * self.mean
        index = min(bisect_right(self._areas, wanted), len(self.times) - 1)
        before = self._areas[index - 1] if index else 0.0
        start = self.times[index - 1] if index else 0.0
        height = self.longer[index - 1] if index else 1.0
        return start + (wanted - before) / height if height > 0 else self.times[index]

    def longest_left(self, ages: Sequence[int], share: float) -> float:
        """The time within which items of these ages are all finished, with probability `share`."""
        some = [(age, self.takes_longer(age)) for age in _some(ages)]
        wanted = share ** (len(some) / len(ages))
        low, high = 0.0, self.times[-1] + max(ages)
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            if self._all_finished(some, middle) < wanted:
                low = middle
            else:
                high = middle
        return high

    def _all_finished(self, ages: Sequence[tuple[int, float]], within: float) -> float:
        """The probability that items of these ages, each with the share that lasts longer, are all finished by then."""
        probability = 1.0
        for age, still in ages:
            longer = self.takes_longer(age + within) / still if still > 0 else math.exp(-within / self._more)
            probability *= 1 - longer
        return probability


def _some(times: Sequence[int]) -> Sequence[int]:
    """At most so many of them, spread evenly: the estimate is asked for often, and a run may be thousands wide."""
    return times if len(times) <= SAMPLE else times[:: math.ceil(len(times) / SAMPLE)]


def _drift(recent: Sequence[int]) -> float:
    """By what share the mean differs between the halves of the window, beyond what chance makes of it."""
    half = len(recent) // 2
    if half < 2:
        return 0.5
    first, second = recent[:half], recent[half:]
    means = sum(first) / half, sum(second) / len(second)
    mean = max(1e-3, sum(recent) / len(recent))
    variance = sum((time - mean) ** 2 for time in recent) / len(recent)
    difference = (means[1] - means[0]) ** 2 - 4 * variance / len(recent)
    return math.sqrt(max(0.0, difference)) / mean
