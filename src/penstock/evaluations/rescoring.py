"""Scoring again what was answered before: the items of an evaluation with their answers, for other scorers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from penstock.evaluations import results
from penstock.evaluations.benchmarks.model import BenchmarkRow
from penstock.evaluations.job import ItemInput
from penstock.evaluations.model import Evaluation
from penstock.evaluations.results import ResultRow
from penstock.storage.store import Store


async def answers_of(store: Store, source: Evaluation) -> AsyncIterator[Sequence[ItemInput]]:
    """Every item of an evaluation that is over, in order, with its answer; one that was never answered has none."""
    async for rows in results.every(store, source):
        yield [_input(source, row) for row in rows]


def _input(source: Evaluation, row: ResultRow) -> ItemInput:
    epoch = row.number % source.shape.epochs
    if row.given is None:
        # It was never begun, so nothing of it is known but where it stands.
        return ItemInput(BenchmarkRow(id=f"#{row.number // source.shape.epochs}", input=None), epoch=epoch)
    return ItemInput(row.given.row, epoch=epoch, answer=row.answer)
