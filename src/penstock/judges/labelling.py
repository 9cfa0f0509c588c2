"""What people should label next: where a label tells most about a judge.

First where verdicts and people are at odds, then where verdicts differ from one another, then where the score is close
to the threshold, then a random part of the rest, then traces that were not judged yet. Labels of doubtful traces alone
would make a judge look worse than it is: so every fifth place goes to the random part.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from penstock.judges.model import Judge
from penstock.storage import annotations as rows
from penstock.storage.annotations import JudgedTrace
from penstock.storage.store import Store

Reason = Literal["disagrees_with_people", "verdicts_differ", "near_threshold", "sample", "not_judged"]
NEWEST = 10_000
"""So many of a judge's newest verdicts, and so many of the newest traces, are looked at."""
NEAR = 0.15
"""A score this close to the threshold is uncertain."""
MAX_QUEUE = 200
SAMPLE_EVERY = 5


@dataclass(frozen=True, slots=True)
class Candidate:
    """A trace to be labelled, and why. `labels` counts those of others. The verdicts themselves are left out, so that
    they sway nobody."""

    trace_id: str
    trace_name: str
    reason: Reason
    verdicts: int
    labels: int


@dataclass(frozen=True, slots=True)
class Queue:
    """What one author should label for a judge, in order."""

    judge: Judge
    author: str
    candidates: list[Candidate]


async def next_to_label(store: Store, judge: Judge, author: str, limit: int) -> list[Candidate]:
    """At most `limit` traces that this author has not labelled for the judge, the most telling first.

    The same question gets the same answer until something is judged or labelled.
    """
    found = await store.read(rows.candidates(judge.tenant, judge.id, author, NEWEST))
    chosen = ordered(found, judge.latest.threshold, f"{judge.id}/{author}", limit)
    if len(chosen) < limit:
        unseen = await store.read(rows.not_judged(judge.tenant, judge.id, author, NEWEST))
        chosen += ordered(unseen, judge.latest.threshold, f"{judge.id}/{author}", limit - len(chosen))
    return chosen


def ordered(found: Iterable[JudgedTrace], threshold: float, seed: str, limit: int) -> list[Candidate]:
    """The candidates in the order in which they should be labelled, at most so many."""
    telling: list[tuple[tuple[float, ...], str, JudgedTrace, Reason]] = []
    rest: list[tuple[str, JudgedTrace, Reason]] = []
    for trace in found:
        reason, urgency = _reason(trace, threshold)
        chance = hashlib.sha256(f"{seed}/{trace.trace_id}".encode()).hexdigest()
        if urgency is None:
            rest.append((chance, trace, reason))
        else:
            telling.append((urgency, chance, trace, reason))
    first = [(trace, reason) for _, _, trace, reason in heapq.nsmallest(limit, telling, key=lambda one: one[:2])]
    sampled = [(trace, reason) for _, trace, reason in heapq.nsmallest(limit, rest, key=lambda one: one[0])]
    return [
        Candidate(trace.trace_id, trace.trace_name, reason, trace.verdicts, trace.labels)
        for trace, reason in _woven(first, sampled)[:limit]
    ]


def _woven(
    first: list[tuple[JudgedTrace, Reason]], sampled: list[tuple[JudgedTrace, Reason]]
) -> list[tuple[JudgedTrace, Reason]]:
    woven, others = [], iter(sampled)
    for place, one in enumerate(first, 1):
        woven.append(one)
        if place % (SAMPLE_EVERY - 1) == 0:
            woven += [other for other in [next(others, None)] if other is not None]
    return [*woven, *others]


def _reason(trace: JudgedTrace, threshold: float) -> tuple[Reason, tuple[float, ...] | None]:
    """Why a trace should be labelled, and how urgently (less is sooner); None: like any other."""
    if trace.verdicts == 0:
        return "not_judged", None
    against = trace.label_fails if trace.latest_passed else trace.label_passes
    split = min(trace.label_passes, trace.label_fails)
    if against:
        return "disagrees_with_people", (0, -against - split)
    differing = min(trace.passes, trace.verdicts - trace.passes)
    if differing:
        return "verdicts_differ", (1, -differing / trace.verdicts)
    near = min((abs(score - threshold) for score in (trace.low, trace.high) if score is not None), default=1.0)
    if near <= NEAR:
        return "near_threshold", (2, near)
    return "sample", None
