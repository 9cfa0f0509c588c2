"""MMLU: questions of 57 subjects with four options (Hendrycks et al., arXiv 2009.03300)."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from penstock.datasets.formats import Format
from penstock.datasets.formats.lines import Lines
from penstock.datasets.imports import SourceRows
from penstock.datasets.model import MAX_ROW_BYTES, BadLine, SourceRow
from penstock.evaluations.benchmarks.adapters import choices
from penstock.evaluations.benchmarks.adapters.base import Adapter, Unfit, list_at, rest, text_at
from penstock.evaluations.benchmarks.model import Details
from penstock.evaluations.benchmarks.source import source_rows
from penstock.types import Json, JsonObject

_LETTERS = "ABCD"
_CELLS = 1 + len(_LETTERS) + 1
_SPLIT = re.compile(r"_(?:test|dev|val|train)$")


def _source(path: Path, file_format: Format) -> SourceRows:
    """The rows of a file; a CSV of MMLU has no header: question, four options, the letter of the right one."""
    if file_format != "csv":
        yield from source_rows(path, file_format)
        return
    csv.field_size_limit(MAX_ROW_BYTES)
    with path.open("rb") as file:
        lines = Lines(file)
        records = csv.reader(lines, strict=True)
        while True:
            line = lines.number + 1
            try:
                cells = next(records, None)
            except csv.Error as error:
                yield BadLine(line, f"it is no CSV: {error}")
                continue
            if cells is None:
                return
            fault = lines.take_fault()
            if fault is not None:
                yield fault
            elif cells:
                yield _record(line, cells)


def _record(line: int, cells: list[str]) -> SourceRow:
    options: Json = cells[1:-1]
    answer = cells[-1] if len(cells) == _CELLS else None
    return SourceRow(line, {"question": cells[0], "choices": options, "answer": answer})


def _row(row: JsonObject, stem: str) -> JsonObject:
    options = list_at(row, "choices")
    question, lettered = choices.lettered(text_at(row, "question"), options)
    return {
        "id": row.get("id"),
        "input": question,
        "truth": _truth(row.get("answer"), options),
        "subset": row.get("subject") or _SPLIT.sub("", stem) or None,
        "metadata": {**rest(row, "id", "question", "choices", "answer", "subject"), "choices": lettered},
    }


def _truth(answer: Json, options: list[Json]) -> str:
    if isinstance(answer, int) and not isinstance(answer, bool):
        return choices.letter_at(answer, options)
    if isinstance(answer, str) and answer.strip().upper() in _LETTERS[: len(options)] and answer.strip():
        return answer.strip().upper()
    raise Unfit("its answer is neither a letter nor the place of an option, from 0")


ADAPTER = Adapter(
    name="mmlu",
    layout="a CSV without header (question,A,B,C,D,answer), its name being the subject, or rows"
    ' {"question", "choices": […], "answer": 0, "subject"}.',
    formats=frozenset({"csv", "json", "jsonl", "parquet"}),
    row_of=_row,
    source=_source,
    details=Details(
        name="MMLU",
        description="Questions of many subjects with four options each. Hendrycks et al., 2020.",
        scorers=choices.SCORERS,
        prompt=choices.PROMPT,
        categories=("knowledge",),
        languages=("English",),
    ),
)
