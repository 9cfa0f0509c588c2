"""What a prompt is optimized against: rows with a truth, of a benchmark or a data set, as examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from penstock.datasets.model import AllRows, Dataset
from penstock.datasets.service import Datasets
from penstock.errors import FieldError, Invalid, StepError
from penstock.evaluations.benchmarks.model import BenchmarkRow, RowChoice
from penstock.evaluations.benchmarks.service import BenchmarkService
from penstock.evaluations.scorers.base import as_text
from penstock.evaluations.targets import row_values
from penstock.flows.expressions import template
from penstock.judges.reading import cut
from penstock.optimization.model import MAX_EXAMPLES, Example, PromptSubject
from penstock.optimization.prompt_text import parts
from penstock.types import Json, JsonObject, Tenant

MAX_EXAMPLES_BYTES = 16 * 1024 * 1024
"""All rows together; an optimization keeps them as they were."""
MAX_CLASSES = 20
_MAX_CLASS_CHARS = 100
_MAX_TRUTH_CHARS = 2_000


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """An example: a row as benchmarks have them; of a data set, `input` are the columns but that of the truth."""

    row: BenchmarkRow
    columns: bool = False

    @property
    def values(self) -> JsonObject:
        """What templates see."""
        return self.row.input if self.columns else row_values(self.row)


@dataclass
class Found:
    """Examples; where they come from, by which member of a request, of how many rows; how many are left out, by why."""

    member: str
    source: JsonObject
    rows: int
    examples: list[Example] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class RowSource:
    """Reads the rows that subjects name."""

    benchmarks: BenchmarkService
    datasets: Datasets

    async def examples(self, tenant: Tenant, subject: PromptSubject, document: JsonObject) -> Found:
        """The first rows that have a truth and that the prompt can be filled in with, each once.

        Raises `NotFound` for what is named and is not there, `Invalid` for a wrong choice of rows.
        """
        if (subject.benchmark is None) == (subject.dataset is None):
            raise invalid("benchmark", "name either a benchmark or a data set")
        if subject.benchmark is not None:
            if subject.truth is not None:
                raise invalid("truth", "is for data sets; the rows of a benchmark have a truth of their own")
            benchmark = await self.benchmarks.get(tenant, subject.benchmark)
            version = await self.benchmarks.version(benchmark)
            facts: JsonObject = {"benchmark": benchmark.id, "name": benchmark.key, "version": version.version}
            rows = self.benchmarks.rows(benchmark, version, RowChoice())
            return await _taken(Found("benchmark", facts, version.row_count), _of_benchmark(rows), document)
        dataset = await self.datasets.pin(tenant, subject.dataset or "")
        column = _truth_column(subject, dataset)
        facts = {"dataset": dataset.id, "name": dataset.name, "version": dataset.version, "truth": column}
        return await _taken(
            Found("dataset", facts, dataset.row_count), self._of_dataset(tenant, dataset, column), document
        )

    async def _of_dataset(self, tenant: Tenant, dataset: Dataset, column: str) -> AsyncIterator[tuple[str, Row]]:
        async for page in self.datasets.select(tenant, dataset.id, dataset.version, AllRows()):
            for row in page:
                shown = {name: value for name, value in row.data.items() if name != column}
                yield row.row_id, Row(BenchmarkRow("", shown, row.data.get(column)), columns=True)


def classes_of(examples: Sequence[Example]) -> tuple[str, ...] | None:
    """The answers that there are, where they are few and each is the truth of several rows; else None."""
    counted = Counter(example.truth for example in examples)
    few = 1 < len(counted) <= MAX_CLASSES and all(len(label) <= _MAX_CLASS_CHARS for label in counted)
    return tuple(sorted(counted)) if few and len(counted) * 2 <= len(examples) else None


def invalid(name: str, message: str) -> Invalid:
    """What is wrong with a member of a request."""
    return Invalid("optimization_invalid", f"{name}: {message}", errors=(FieldError(name, message),))


async def _of_benchmark(pages: AsyncIterator[Sequence[BenchmarkRow]]) -> AsyncIterator[tuple[str, Row]]:
    async for page in pages:
        for row in page:
            yield row.id, Row(row)


async def _taken(found: Found, rows: AsyncIterator[tuple[str, Row]], document: JsonObject) -> Found:
    texts = [template(text) for text in parts(document).values()]
    seen: set[bytes] = set()
    size = read = 0
    async for name, row in rows:
        if len(found.examples) == MAX_EXAMPLES:
            found.left_out["too_many"] = found.rows - read
            break
        read += 1
        content = msgspec.json.encode([row.row.input, row.row.context, row.row.truth])
        fault = "no_truth" if row.row.truth is None else "repeated" if content in seen else _unfilled(texts, row)
        if fault is not None:
            found.left_out[fault] += 1
            continue
        # The same row in two parts of the split would be learnt in the one and found again in the other.
        seen.add(content)
        size += len(content)
        if size > MAX_EXAMPLES_BYTES:
            raise invalid(found.member, f"its rows take more than {MAX_EXAMPLES_BYTES // 2**20} MB; use fewer")
        found.examples.append(
            Example(name, cut(as_text(row.row.truth), _MAX_TRUTH_CHARS), data=msgspec.to_builtins(row))
        )
    return found


def _unfilled(texts: Sequence[Any], row: Row) -> str | None:
    try:
        for text in texts:
            text.render(row.values)
    except StepError:
        return "not_filled_in"
    return None


def _truth_column(subject: PromptSubject, dataset: Dataset) -> str:
    names = [column.name for column in dataset.columns]
    if subject.truth is None or subject.truth not in names:
        known = ", ".join(names[:20])
        raise invalid("truth", f"name the column of data set {dataset.name!r} that holds the truth; it has {known}")
    return subject.truth


def row_of(data: Json) -> Row:
    """The row of an example's data."""
    return msgspec.convert(data, Row)
