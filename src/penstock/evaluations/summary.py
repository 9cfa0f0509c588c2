"""What an evaluation's scores amount to: means with intervals and coverage, by scorer and by subset; latencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from penstock.evaluations.scores import Scores, Tried
from penstock.evaluations.statistics.epochs import reducer as reducer_of
from penstock.evaluations.statistics.estimates import Estimate, estimate
from penstock.evaluations.statistics.percentiles import percentile
from penstock.types import Json, JsonObject

Reduce = Callable[[Sequence[float]], float | None]

MAX_SUBSETS = 200
SHOWN_REASONS = 5


def summarise(scores: Scores, reducer: str, usage: JsonObject) -> JsonObject:
    """The metrics of an evaluation as JSON. Takes a second for a hundred thousand rows: not for the event loop."""
    reduce = reducer_of(reducer)
    return {
        "rows": scores.shape.rows,
        "epochs": scores.shape.epochs,
        "answered": scores.answered,
        "failed": scores.failed,
        "scores": {name: _scorer(scores, name, reduce) for name in scores.values},
        "subsets": _subsets(scores, reduce),
        "latency": _latency(scores),
        "usage": usage,
    }


def row_values(scores: Scores, scorer: str, reduce: Reduce) -> list[float | None]:
    """One score per row, of its epochs; None where there is none."""
    return [reduce(values) for values in scores.values[scorer]]


def _scorer(scores: Scores, name: str, reduce: Reduce) -> JsonObject:
    reduced = row_values(scores, name, reduce)
    tried: Tried = scores.tried[name]
    estimated = _estimate(reduced, scores.clusters)
    return {
        **_shown(estimated),
        "expected": scores.shape.rows,
        "coverage": scores.values[name].count / scores.expected if scores.expected else 0.0,
        "unscorable": tried.unscorable,
        "errors": tried.errors,
        "reasons": [{"reason": reason, "count": count} for reason, count in tried.reasons.most_common(SHOWN_REASONS)],
    }


def _subsets(scores: Scores, reduce: Reduce) -> JsonObject:
    by_subset: dict[str, list[int]] = {}
    for number, subset in enumerate(scores.subsets):
        if subset is not None:
            by_subset.setdefault(subset, []).append(number)
    if len(by_subset) > MAX_SUBSETS:
        largest = sorted(by_subset, key=lambda subset: (-len(by_subset[subset]), subset))[:MAX_SUBSETS]
        by_subset = {subset: by_subset[subset] for subset in largest}
    reduced = {name: row_values(scores, name, reduce) for name in scores.values}
    shown: dict[str, Json] = {}
    for subset, numbers in sorted(by_subset.items()):
        of_scorers: dict[str, Json] = {}
        for name, values in reduced.items():
            of_subset = [values[n] for n in numbers]
            of_scorers[name] = _shown(_estimate(of_subset, [scores.clusters[n] for n in numbers]))
        shown[subset] = of_scorers
    return shown


def _estimate(values: Sequence[float | None], clusters: Sequence[str | None]) -> Estimate:
    """Of the rows that have a value."""
    known = [value for value in values if value is not None]
    of_known = [cluster for value, cluster in zip(values, clusters, strict=True) if value is not None]
    return estimate(known, clusters=of_known if any(cluster is not None for cluster in of_known) else None)


def _shown(made: Estimate) -> dict[str, Json]:
    return {
        "mean": made.mean,
        "standardError": made.standard_error,
        "low": made.low,
        "high": made.high,
        "level": made.level,
        "method": made.method,
        "n": made.n,
        "clusters": made.clusters,
        "note": made.note,
    }


def _latency(scores: Scores) -> JsonObject:
    ordered = sorted(scores.latencies_ms)
    if not ordered:
        return {"n": 0, "meanMs": None, "p50Ms": None, "p95Ms": None, "p99Ms": None}
    quantiles: dict[str, Any] = {f"p{percent}Ms": percentile(ordered, percent) for percent in (50, 95, 99)}
    return {"n": len(ordered), "meanMs": round(sum(ordered) / len(ordered), 3), **quantiles}
