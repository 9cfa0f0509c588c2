"""BIG-Bench Hard: one file per task (Suzgun et al., arXiv 2210.09261)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from penstock.datasets.formats import Format
from penstock.datasets.formats.lines import UnreadableFile
from penstock.datasets.imports import SourceRows
from penstock.datasets.model import SourceRow
from penstock.errors import TooLarge
from penstock.evaluations.benchmarks import answers
from penstock.evaluations.benchmarks.adapters.base import Adapter, Unfit, rest, text_at
from penstock.evaluations.benchmarks.model import Details
from penstock.evaluations.benchmarks.source import source_rows
from penstock.types import JsonObject

_MOST_BYTES = 64 * 1024 * 1024


class _Task(msgspec.Struct):
    examples: list[dict[str, Any]]


def _source(path: Path, file_format: Format) -> SourceRows:
    """The examples of a task's file, numbered from 1; one object, so it is read whole. Other formats row by row."""
    if file_format != "json":
        yield from source_rows(path, file_format)
        return
    if path.stat().st_size > _MOST_BYTES:
        raise TooLarge("file_too_large", f"A task of BIG-Bench Hard is a file of at most {_MOST_BYTES:,} bytes.")
    try:
        task = msgspec.json.decode(path.read_bytes(), type=_Task)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFile(1, f'it is no {{"examples": [{{"input", "target"}}]}}: {error}') from None
    for number, example in enumerate(task.examples, 1):
        yield SourceRow(number, example)


def _row(row: JsonObject, stem: str) -> JsonObject:
    target = row.get("target")
    if not isinstance(target, (str, int, float)):
        raise Unfit("it has no text 'target'")
    return {
        "id": row.get("id"),
        "input": text_at(row, "input"),
        "truth": str(target),
        "subset": row.get("task") or stem or None,
        "metadata": rest(row, "id", "input", "target", "task"),
    }


ADAPTER = Adapter(
    name="bbh",
    layout='a JSON object {"examples": [{"input": …, "target": …}, …]}, or rows {"input", "target", "task"}.',
    formats=frozenset({"json", "jsonl", "parquet"}),
    row_of=_row,
    source=_source,
    details=Details(
        name="BIG-Bench Hard",
        description="Tasks of BIG-Bench that were hard for language models; the file's name is the subset.",
        scorers=(answers.LAST_LINE_ANY_CASE,),
        prompt="{{ input }}\n\nThink step by step. End with a line `Answer: ` and the answer alone, such as (A).",
        categories=("reasoning",),
        languages=("English",),
    ),
)
