"""The scores of two evaluations on the rows that both have, brought together for a paired difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penstock.evaluations.model import Evaluation
from penstock.evaluations.scores import Scores
from penstock.evaluations.statistics.differences import Difference, paired
from penstock.evaluations.statistics.epochs import reducer
from penstock.evaluations.summary import row_values


@dataclass(frozen=True, slots=True)
class RowScores:
    """One scorer's value of each row that has one, epochs made one, and the rows' clusters."""

    values: Mapping[str, float]
    clusters: Mapping[str, str | None]

    @classmethod
    def of(cls, evaluation: Evaluation, scores: Scores, scorer: str) -> RowScores:
        spec: Any = evaluation.spec
        reduced = row_values(scores, scorer, reducer(spec["reducer"]))
        values = {row: value for row, value in zip(scores.ids, reduced, strict=True) if value is not None}
        return cls(values, dict(zip(scores.ids, scores.clusters, strict=True)))


def paired_difference(first: RowScores, second: RowScores) -> Difference:
    """Second − first over the rows that both have a value of. Takes a while for many rows: not for the event loop."""
    shared = [row for row in first.values if row in second.values]
    clusters: Sequence[str | None] = [first.clusters[row] for row in shared]
    return paired(
        [first.values[row] for row in shared],
        [second.values[row] for row in shared],
        clusters=clusters if any(cluster is not None for cluster in clusters) else None,
    )
