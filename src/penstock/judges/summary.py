"""What the verdicts of a judge amount to: how many pass, and how far they reach."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from penstock.evaluations.statistics.estimates import Estimate, estimate
from penstock.storage.trace_evaluations import Tallied
from penstock.types import Json, JsonObject


def summaries(tallied: Sequence[Tallied]) -> list[dict[str, Any]]:
    """One for each judge and version. May take a second for a million verdicts: not for the event loop."""
    by_judge = groupby(tallied, key=lambda one: (one.judge_id, one.judge_version))
    return [_summary(list(some)) for _, some in by_judge]


def _summary(tallied: Sequence[Tallied]) -> dict[str, Any]:
    first = tallied[0]
    counts = {"scored": 0, "unscorable": 0, "failed": 0, "pending": 0}
    passed: list[float] = []
    scores: list[float] = []
    for one in tallied:
        counts[one.status] += one.count
        if one.status == "scored" and one.score is not None:
            passed += [float(bool(one.passed))] * one.count
            scores += [one.score] * one.count
    expected = sum(counts.values())
    return {
        "judge": {"id": first.judge_id, "name": first.judge_name, "version": first.judge_version},
        "expected": expected,
        **counts,
        "coverage": counts["scored"] / expected if expected else 0.0,
        "passRate": rate_body(estimate(passed)),
        "score": rate_body(estimate(scores)),
    }


def rate_body(made: Estimate) -> JsonObject:
    """A mean with its interval, as it is shown."""
    shown: dict[str, Json] = {
        "mean": made.mean,
        "low": made.low,
        "high": made.high,
        "level": made.level,
        "method": made.method,
        "n": made.n,
        "note": made.note,
    }
    return shown
