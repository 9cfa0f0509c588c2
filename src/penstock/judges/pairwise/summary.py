"""What preferences amount to: how often each side was better, and how much a judge likes the place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from penstock.evaluations.statistics.estimates import estimate
from penstock.judges.pairwise.comparing import tally
from penstock.judges.pairwise.job import Compared
from penstock.judges.summary import rate_body
from penstock.types import JsonObject

_decode = msgspec.json.Decoder(Compared).decode


def summary(spec: JsonObject, expected: int, recorded: Iterable[tuple[str, str | bytes | None]]) -> dict[str, Any]:
    """The summary of an execution from status and output of its recorded items, for which `expected` are asked.

    `winRate` is how often A was better, ties counting half, with the interval of `statistics.estimates`; `firstRate`
    how often the one shown first was, ties left out: one half for a judge without a liking for a place, and an interval
    without one half tells that it has one. Takes a while for many pairs: not for the event loop.
    """
    judged: Any = spec["judge"]
    statuses: Counter[str] = Counter()
    made: list[Compared] = []
    for status, output in recorded:
        statuses[status] += 1
        if status == "succeeded" and output is not None:
            made.append(_decode(output))
    preferences = [one for one in (compared.preference for compared in made) if one is not None]
    counted = tally(preferences)
    worth = {"a": 1.0, "b": 0.0, "tie": 0.5}
    failed = statuses["failed"]
    return {
        "judge": {name: judged[name] for name in ("id", "name", "version")},
        "evaluations": spec["evaluations"],
        "seed": spec["seed"],
        "expected": expected,
        "scored": len(preferences),
        "unscorable": len(made) - len(preferences),
        "failed": failed,
        "pending": expected - len(made) - failed,
        "coverage": len(preferences) / expected if expected else 0.0,
        "wins": {"a": counted.a, "b": counted.b, "ties": counted.ties},
        "winRate": rate_body(estimate([worth[one.better] for one in preferences])),
        "shownFirst": {
            "a": sum(one.a_first for one in preferences),
            "b": sum(not one.a_first for one in preferences),
        },
        "chosen": {"first": counted.first, "second": counted.second},
        "firstRate": rate_body(
            estimate([float(one.first_chosen) for one in preferences if one.first_chosen is not None])
        ),
    }
