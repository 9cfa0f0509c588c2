"""Which picture shows what: evaluations and comparisons as marks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.evaluations.comparison import Compared
from penstock.evaluations.comparisons import Held, Many
from penstock.evaluations.model import Evaluation
from penstock.evaluations.plots.intervals import Group, IntervalPlot, Mark
from penstock.evaluations.plots.matrix import MatrixPlot
from penstock.evaluations.plots.svg import Tone
from penstock.evaluations.statistics.estimates import Estimate
from penstock.types import JsonObject

MOST_SUBSETS = 40
_TONES: Mapping[str, Tone] = {"better": "better", "worse": "worse", "unclear": "muted"}


def evaluation_picture(evaluation: Evaluation, metrics: JsonObject) -> str:
    """Each scorer's mean with its interval, and below it those of the largest subsets. As SVG."""
    found: Any = metrics
    subsets = sorted(found["subsets"].items(), key=lambda one: -max(s["n"] for s in one[1].values()))[:MOST_SUBSETS]
    groups = [Group("", tuple(_of_metric(name, score) for name, score in found["scores"].items()))]
    for name in found["scores"]:
        marks = tuple(_of_metric(subset, scores[name]) for subset, scores in sorted(subsets))
        if marks:
            groups.append(Group(f"{name}, by subset" if len(found["scores"]) > 1 else "By subset", marks))
    level = next(iter(found["scores"].values()))["level"]
    subtitle = f"{_task(evaluation)} · mean score with its {level:.0%} interval"
    return IntervalPlot(evaluation.name, subtitle, tuple(groups), _shares(groups)).svg()


def accuracy_picture(many: Many) -> str:
    """Each evaluation's mean by the scorer, with its interval. As SVG."""
    marks = tuple(_of_estimate(evaluation, found) for evaluation, found in many.sides)
    subtitle = f"{_task(many.sides[0][0])} · mean {many.scorer} with its {many.level:.0%} interval"
    groups = [Group("", marks)]
    return IntervalPlot(f"Mean {many.scorer}", subtitle, tuple(groups), _shares(groups)).svg()


def difference_picture(many: Many) -> str:
    """What each evaluation differs from the reference by, as a whole and by subset. As SVG."""
    reference = many.sides[0][0]
    groups = [Group("", tuple(_of_difference(_called(held.comparison), held.found.whole) for held in many.held))]
    for held in many.held:
        largest = sorted(held.found.subsets.items(), key=lambda one: -(one[1].difference.n_pairs or 0))[:MOST_SUBSETS]
        marks = tuple(_of_difference(subset, found) for subset, found in sorted(largest))
        if marks:
            heading = f"{_called(held.comparison)}, by subset" if len(many.held) > 1 else "By subset"
            groups.append(Group(heading, marks))
    subtitle = f"{_task(reference)} · paired difference in {many.scorer} with its {many.level:.0%} interval"
    plot = IntervalPlot(
        f"Difference from {_called(reference)}",
        subtitle,
        tuple(groups),
        shares=all(_is_share(found.mean) for _, found in many.sides),
        around_zero=True,
        sides=(f"{_called(reference)} scores higher", "the other does"),
    )
    return plot.svg()


def outcomes_picture(held: Held) -> str:
    """On how many rows which side succeeds. As SVG."""
    whole = held.found.whole
    subtitle = (
        f"{_task(held.reference)} · {held.scorer} above 0.5 is a success · {whole.difference.n_pairs or 0:,} rows"
    )
    title = f"{_called(held.reference)} and {_called(held.comparison)}, row by row"
    return MatrixPlot(title, subtitle, _called(held.reference), _called(held.comparison), whole.outcomes).svg()


def _of_metric(label: str, score: Mapping[str, Any]) -> Mark:
    return Mark(label, f"n = {score['n']:,}", score["mean"], score["low"], score["high"], why="nothing scored")


def _of_estimate(evaluation: Evaluation, found: Estimate) -> Mark:
    return Mark(_called(evaluation), f"n = {found.n:,}", found.mean, found.low, found.high, why="nothing scored")


def _of_difference(label: str, compared: Compared) -> Mark:
    found = compared.difference
    p = "" if compared.adjusted_p is None else f" · p {_p(compared.adjusted_p)}"
    words = {"better": "better", "worse": "worse", "unclear": "cannot tell"}[compared.verdict.decision]
    detail = f"n = {found.n_pairs or 0:,}{p} · {words}"
    return Mark(label, detail, found.difference, found.low, found.high, _TONES[compared.verdict.decision], "no rows")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _shares(groups: Sequence[Group]) -> bool:
    return all(_is_share(number) for group in groups for mark in group.marks for number in _numbers(mark))


def _numbers(mark: Mark) -> Iterator[float | None]:
    yield from (mark.value, mark.low, mark.high)


def _is_share(number: float | None) -> bool:
    return number is None or 0 <= number <= 1


def _called(evaluation: Evaluation) -> str:
    """Short: what was evaluated; the name that its variant was given, where it has one of its own."""
    name: str = evaluation.settings["name"]
    return name if evaluation.shape.variants > 1 else evaluation.name.partition(" on ")[0] or evaluation.target


def _task(evaluation: Evaluation) -> str:
    return f"{evaluation.benchmark_key} v{evaluation.benchmark_version}"
