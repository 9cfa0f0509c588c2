"""The scores of an evaluation, read from its items: every number that is ever shown is added up from these."""

from __future__ import annotations

import asyncio
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from penstock.evaluations.model import Evaluation, ItemOutput, Shape
from penstock.executions import paths
from penstock.executions.model import ItemStatus
from penstock.storage import evaluations as rows
from penstock.storage.store import Store

PAGE = 2_000
_decode = msgspec.json.Decoder(ItemOutput).decode


@dataclass(slots=True)
class Tried:
    """Outcomes of one scorer that are no value: how many, and why, the most frequent reasons."""

    unscorable: int = 0
    errors: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


class RowValues:
    """A scorer's values of each row, of its epochs, in two arrays: 100,000 rows take 1.6 MB, as lists they took 12."""

    __slots__ = ("_ends", "_values")

    def __init__(self) -> None:
        self._values = array("d")
        self._ends = array("l")

    def begin(self) -> None:
        """The next row, which has no value yet."""
        self._ends.append(len(self._values))

    def add(self, value: float) -> None:
        """One more value of the row that was begun last."""
        self._values.append(value)
        self._ends[-1] += 1

    @property
    def count(self) -> int:
        """How many values there are, of all rows."""
        return len(self._values)

    def __len__(self) -> int:
        return len(self._ends)

    def __iter__(self) -> Iterator[Sequence[float]]:
        start = 0
        for end in self._ends:
            yield self._values[start:end]
            start = end


@dataclass(slots=True)
class Scores:
    """What is recorded of one evaluation so far. Lists by row run parallel, in the order of the benchmark.

    `values[scorer]` are by row, too, of the epochs that have one; `numbers[n]` is the place of row `ids[n]` among the
    rows that were chosen. `expected` counts items, whether they have been run or not.
    """

    shape: Shape
    ids: list[str] = field(default_factory=list)
    numbers: array[int] = field(default_factory=lambda: array("l"))
    subsets: list[str | None] = field(default_factory=list)
    clusters: list[str | None] = field(default_factory=list)
    values: dict[str, RowValues] = field(default_factory=dict)
    tried: dict[str, Tried] = field(default_factory=dict)
    latencies_ms: array[float] = field(default_factory=lambda: array("d"))
    answered: int = 0
    failed: int = 0

    @property
    def expected(self) -> int:
        return self.shape.rows * self.shape.epochs

    def add(self, output: ItemOutput, number: int) -> None:
        """Count one answered item of the row with this number; epochs of a row come one after the other."""
        if not self.ids or self.ids[-1] != output.row:
            self.ids.append(output.row)
            self.numbers.append(number)
            self.subsets.append(output.subset)
            self.clusters.append(output.cluster)
            for values in self.values.values():
                values.begin()
        self.answered += 1
        if output.latency_ms is not None:
            self.latencies_ms.append(output.latency_ms)
        for name, outcome in output.scores.items():
            if outcome["status"] == "scored":
                self.values[name].add(outcome["value"])
            else:
                self._count(self.tried[name], outcome)

    def _count(self, tried: Tried, outcome: dict[str, Any]) -> None:
        if outcome["status"] == "unscorable":
            tried.unscorable += 1
        else:
            tried.errors += 1
        if len(tried.reasons) < _MOST_REASONS or outcome["reason"] in tried.reasons:
            tried.reasons[outcome["reason"]] += 1


_MOST_REASONS = 1_000


async def read_scores(store: Store, evaluation: Evaluation) -> Scores:
    """Every score that is recorded of an evaluation, its failed items counted."""
    scores = Scores(evaluation.shape)
    for name in evaluation.scorers:
        scores.values[name] = RowValues()
        scores.tried[name] = Tried()
    after = ""
    while True:
        page = await store.read(rows.outputs(evaluation, after, PAGE))
        await asyncio.to_thread(_add_page, scores, page)
        if len(page) < PAGE:
            return scores
        after = page[-1]["path"]


def _add_page(scores: Scores, page: Sequence[Any]) -> None:
    for row in page:
        number, _, _ = scores.shape.place(paths.ordinal_of(row["path"]))
        if row["status"] == ItemStatus.SUCCEEDED and row["output"] is not None:
            scores.add(_decode(row["output"]), number)
        elif row["status"] == ItemStatus.FAILED:
            scores.failed += 1
