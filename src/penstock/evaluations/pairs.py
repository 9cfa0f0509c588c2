"""The scores of two evaluations on the rows that both have, brought together for a paired difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penstock.evaluations.statistics.differences import Difference, paired
from penstock.evaluations.statistics.epochs import reducer

if TYPE_CHECKING:
    from penstock.evaluations.model import Evaluation
    from penstock.evaluations.scores import Scores


@dataclass(frozen=True, slots=True)
class RowScores:
    """One scorer's value of each row that has one, epochs made one, and the rows' clusters."""

    values: Mapping[str, float]
    clusters: Mapping[str, str | None]

    @classmethod
    def of(cls, evaluation: Evaluation, scores: Scores, scorer: str) -> RowScores:
        spec: Any = evaluation.spec
        reduced = map(reducer(spec["reducer"]), scores.values[scorer])
        values = {row: value for row, value in zip(scores.ids, reduced, strict=True) if value is not None}
        return cls(values, dict(zip(scores.ids, scores.clusters, strict=True)))


def shared_rows(first: RowScores, second: RowScores) -> list[str]:
    """The rows that both have a value of, in the order of the first."""
    return [row for row in first.values if row in second.values]


def paired_difference(
    first: RowScores, second: RowScores, *, rows: Sequence[str] | None = None, level: float = 0.95
) -> Difference:
    """Second − first over the rows that both have a value of, or over `rows` among them.

    Takes a while for many rows: not for the event loop.
    """
    shared = shared_rows(first, second) if rows is None else rows
    clusters: Sequence[str | None] = [first.clusters[row] for row in shared]
    return paired(
        [first.values[row] for row in shared],
        [second.values[row] for row in shared],
        clusters=clusters if any(cluster is not None for cluster in clusters) else None,
        level=level,
    )
