"""The rows of an evaluation, one page after another: what was asked, answered and scored, and what it took.

A page is found by arithmetic (see `Shape`), so it costs the same wherever it is; with a filter, rows are looked through
until the page is full, or so many were looked at that the caller may go on himself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from penstock.evaluations.job import ItemInput
from penstock.evaluations.model import Answer, Evaluation, ItemOutput
from penstock.evaluations.targets import GENERATE
from penstock.executions import paths
from penstock.executions.model import ItemStatus
from penstock.models.usage import Usage
from penstock.storage import evaluations as stored
from penstock.storage.store import Store, Transaction
from penstock.types import Json, JsonObject

LOOKED_AT_ONCE = 200
MOST_LOOKED_AT = 10_000
SUCCESS_ABOVE = 0.5
"""A score above this counts as right, below or at it as wrong."""

ScoreOutcome = Literal["correct", "incorrect", "unscorable", "error"]
RowStatus = Literal["succeeded", "failed", "pending", "cancelled", "skipped"]


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One row in one epoch. `scores` are outcomes by scorer; none while it is not answered."""

    number: int
    status: RowStatus
    given: ItemInput | None
    answer: Answer | None
    scores: Mapping[str, Any]
    error: JsonObject | None
    usage: Usage

    def outcome(self, scorer: str) -> ScoreOutcome | None:
        """How a scorer judged it; None when it did not."""
        score = self.scores.get(scorer)
        if score is None:
            return None
        status: Literal["scored", "unscorable", "error"] = score["status"]
        if status != "scored":
            return status
        return "correct" if score["value"] > SUCCESS_ABOVE else "incorrect"


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows. `scorer` is the one whose outcome is meant; None: the first. `text` is looked for in input, truth
    and output."""

    status: RowStatus | None = None
    outcome: ScoreOutcome | None = None
    scorer: str | None = None
    subset: str | None = None
    text: str | None = None

    @property
    def takes_all(self) -> bool:
        return self == RowFilter(scorer=self.scorer)

    def takes(self, row: ResultRow, scorer: str) -> bool:
        if self.status is not None and row.status != self.status:
            return False
        if self.outcome is not None and row.outcome(self.scorer or scorer) != self.outcome:
            return False
        if self.subset is not None and (row.given is None or row.given.row.subset != self.subset):
            return False
        return self.text is None or self.text.lower() in _text_of(row)


async def page(
    store: Store, evaluation: Evaluation, wanted: RowFilter, after: int, limit: int
) -> tuple[list[ResultRow], int | None]:
    """Rows from behind a number on (-1 from the first), and the number to go on behind; None when there are no more."""
    last = evaluation.shape.rows * evaluation.shape.epochs - 1
    found: list[ResultRow] = []
    looked_at = 0
    while after < last and len(found) < limit and looked_at < MOST_LOOKED_AT:
        some = min(last - after, limit - len(found) if wanted.takes_all else LOOKED_AT_ONCE)
        for row in await _read(store, evaluation, range(after + 1, after + 1 + some)):
            after = row.number
            looked_at += 1
            if wanted.takes(row, evaluation.scorers[0]):
                found.append(row)
                if len(found) == limit:
                    break
    return found, after if after < last else None


async def every(store: Store, evaluation: Evaluation) -> AsyncIterator[list[ResultRow]]:
    """All rows, page by page."""
    after: int | None = -1
    while after is not None:
        rows, after = await page(store, evaluation, RowFilter(), after, LOOKED_AT_ONCE)
        yield rows


async def with_numbers(store: Store, evaluation: Evaluation, numbers: Sequence[int]) -> list[ResultRow]:
    """The rows with these numbers, in their order."""
    return await _read(store, evaluation, numbers)


async def _read(store: Store, evaluation: Evaluation, numbers: Sequence[int]) -> list[ResultRow]:
    shape = evaluation.shape
    places = {
        paths.top(shape.ordinal(number // shape.epochs, evaluation.variant, number % shape.epochs)): number
        for number in numbers
    }
    items, steps = await store.read(_recorded(evaluation, list(places)))
    by_path = {item["path"]: item for item in items}
    done: dict[str, list[Any]] = {}
    for step in steps:
        done.setdefault(step["path"], []).append(step)
    return [_row(number, by_path.get(path), done.get(path, ())) for path, number in places.items()]


def _recorded(evaluation: Evaluation, chosen: list[str]) -> Transaction[tuple[list[Any], list[Any]]]:
    """Items and their steps as of one moment."""
    items = yield from stored.items(evaluation.tenant, evaluation.execution_no, chosen)
    steps = yield from stored.steps(evaluation.tenant, evaluation.execution_no, chosen)
    return items, steps


def _row(number: int, item: Any, steps: Sequence[Any]) -> ResultRow:
    usage = Usage()
    answer: Answer | None = None
    for step in steps:
        usage.add(Usage(*(step[column] for column in USAGE_COLUMNS)))
        if step["node"] == GENERATE and step["status"] == "succeeded":
            answer = msgspec.json.decode(step["output"], type=Answer)
    if item is None:
        return ResultRow(number, "pending", None, answer, {}, None, usage)
    given = None if item["input"] is None else msgspec.json.decode(item["input"], type=ItemInput)
    if answer is None and given is not None:
        answer = given.answer
    scores: Mapping[str, Any] = {}
    if item["status"] == ItemStatus.SUCCEEDED and item["output"] is not None:
        scores = msgspec.json.decode(item["output"], type=ItemOutput).scores
    error = None if item["error"] is None else msgspec.json.decode(item["error"])
    return ResultRow(number, item["status"], given, answer, scores, error, usage)


USAGE_COLUMNS = (
    "model_calls",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cost_nanos",
    "unpriced_calls",
    "ecu_micros",
)


def _text_of(row: ResultRow) -> str:
    """What of a row is searched, in lower case."""
    if row.given is None:
        return ""
    parts: list[Json] = [row.given.row.id, row.given.row.input, row.given.row.truth]
    if row.answer is not None:
        parts.append(row.answer.output)
    return "\n".join(p if isinstance(p, str) else msgspec.json.encode(p).decode() for p in parts).lower()
