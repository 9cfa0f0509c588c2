"""Annotations as files: each line of one is an annotation, named when it is wrong; what goes out comes in again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from penstock.datasets.formats import Format, read_rows, writer_for
from penstock.datasets.imports import SourceRows
from penstock.datasets.model import BadLine, BadLines, Column, ColumnType, SourceRow
from penstock.errors import FieldError, Invalid, NotFound, TooLarge
from penstock.judges.annotations import Annotations, NewAnnotation
from penstock.storage.annotations import NO_ROW, Annotation, AnnotationFilter
from penstock.types import JsonObject, Tenant

MAX_IMPORT_ROWS = 50_000
_AT_ONCE = 200
_NAMED_LINES = 100
_COLUMNS = (
    Column("trace", "string"),
    Column("span", "string"),
    Column("evaluation", "string"),
    Column("row", "integer"),
    Column("judge", "string"),
    Column("criterion", "string"),
    Column("author", "string"),
    Column("label", "any"),
    Column("rationale", "string"),
    Column("weight", "number"),
)
_TEXTS: dict[str, ColumnType] = {column.name: column.type for column in _COLUMNS if column.type == "string"}
"""Ids and authors of digits alone are texts, too."""
_NAMES = frozenset(column.name for column in _COLUMNS)
_PASSED_OVER = frozenset({"id", "score", "passed", "revision", "createdAt", "updatedAt"})
"""What the API shows of an annotation, and what follows from the rest."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """One line of a file."""

    label: str | int | float | bool
    author: str | None = None
    judge: str | None = None
    criterion: str | None = None
    trace: str | None = None
    span: str | None = None
    evaluation: str | None = None
    row: int | None = None
    rationale: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for every line that does not say otherwise."""

    author: str
    judge: str | None = None
    criterion: str | None = None


@dataclass(frozen=True, slots=True)
class AnnotationsReport:
    """What an import did. `added` are new, `changed` say something else than before, `unchanged` the same.

    `errors` names the first hundred bad lines, `error_count` counts them all.
    """

    added: int
    changed: int
    unchanged: int
    errors: tuple[FieldError, ...]
    error_count: int


class AnnotationFiles:
    """Imports and exports of one project's annotations."""

    def __init__(self, annotations: Annotations, tenant: Tenant) -> None:
        self._annotations = annotations
        self._tenant = tenant

    async def load(
        self,
        path: Path,
        file_format: Format,
        defaults: Defaults,
        on_bad: BadLines = "refuse",
        said_by: str | None = None,
    ) -> AnnotationsReport:
        """Read a file and keep what it says; the same file again changes nothing.

        Raises `Invalid` (`bad_lines`, naming up to a hundred) unless they are to be skipped, or when nothing after some
        place can be read, and `TooLarge` for too many lines. Nothing is kept then.
        """
        good: list[Annotation] = []
        bad: list[FieldError] = []
        lines = read_rows(path, file_format, _TEXTS)
        try:
            while some := await asyncio.to_thread(_next, lines):
                for line in some:
                    try:
                        good.append(await self._prepared(line, file_format, defaults, said_by))
                    except (Invalid, NotFound) as error:
                        bad.append(_fault(line, error.detail))
                if len(good) + len(bad) > MAX_IMPORT_ROWS:
                    raise TooLarge("file_too_long", f"A file may have {MAX_IMPORT_ROWS:,} annotations; split this one.")
        finally:
            await asyncio.to_thread(lines.close)
        if bad and on_bad == "refuse":
            raise _refused(bad)
        added, changed = await self._keep(good)
        return AnnotationsReport(added, changed, len(good) - added - changed, tuple(bad[:_NAMED_LINES]), len(bad))

    async def export(self, wanted: AnnotationFilter, file_format: Format) -> AsyncIterator[bytes]:
        """The bytes of a file with all that are wanted, newest first, piece by piece."""
        writer = await asyncio.to_thread(writer_for, file_format, _COLUMNS)
        async for found in self._annotations.all(self._tenant, wanted):
            lines = [as_line(one) for one in found]
            if file_format == "csv":
                lines = [_for_spreadsheet(line) for line in lines]
            piece = await asyncio.to_thread(writer.write, lines)
            if piece:
                yield piece
        yield await asyncio.to_thread(writer.close)

    async def _prepared(
        self, line: SourceRow | BadLine, file_format: Format, defaults: Defaults, said_by: str | None
    ) -> Annotation:
        if isinstance(line, BadLine):
            raise Invalid("line_unreadable", line.reason)
        said = _read(_from_spreadsheet(line.data) if file_format == "csv" else line.data)
        named = said.judge or said.criterion
        wanted = NewAnnotation(
            label=said.label,
            author=said.author or defaults.author,
            judge=said.judge if named else defaults.judge,
            criterion=said.criterion if named else defaults.criterion,
            trace=said.trace,
            span=said.span,
            evaluation=said.evaluation,
            row=said.row,
            rationale=said.rationale,
            weight=said.weight,
        )
        return await self._annotations.prepared(self._tenant, wanted, said_by)

    async def _keep(self, annotations: list[Annotation]) -> tuple[int, int]:
        added = changed = 0
        for start in range(0, len(annotations), _AT_ONCE):
            new, different = await self._annotations.keep(annotations[start : start + _AT_ONCE])
            added += new
            changed += different
        return added, changed


def as_line(annotation: Annotation) -> JsonObject:
    """An annotation as a line of a file; a judge by its id, so that it is found under another name too."""
    subject = annotation.subject
    return {
        "trace": subject.trace_id or None,
        "span": subject.span_id or None,
        "evaluation": subject.evaluation_id or None,
        "row": None if subject.row_number == NO_ROW else subject.row_number,
        "judge": annotation.judge_id or None,
        "criterion": annotation.criterion or None,
        "author": annotation.author,
        "label": annotation.answer,
        "rationale": annotation.rationale,
        "weight": annotation.weight,
    }


def _for_spreadsheet(line: JsonObject) -> JsonObject:
    """The same, but what a spreadsheet would run as a formula begins with the sign that makes it a text there."""
    return {name: f"'{value}" if _is_formula(value) else value for name, value in line.items()}


def _from_spreadsheet(data: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, of a line that `_for_spreadsheet` wrote."""
    quoted = (name for name, value in data.items() if _is_formula(value) and value.startswith("'"))
    return {**data, **{name: data[name][1:] for name in quoted}}


def _is_formula(value: Any) -> bool:
    return isinstance(value, str) and _FORMULA.match(value) is not None


def _next(lines: SourceRows) -> list[SourceRow | BadLine]:
    return [line for _, line in zip(range(_AT_ONCE), lines, strict=False)]


def _read(data: Mapping[str, Any]) -> _Line:
    """The line's members; an empty cell is one that is not there."""
    given = {name: value for name, value in data.items() if value is not None and value != ""}
    given = {name: value for name, value in given.items() if name not in _PASSED_OVER}
    strange = given.keys() - _NAMES
    if strange:
        raise Invalid("line_invalid", f"{sorted(strange)[0][:60]!r} is no part of an annotation")
    try:
        return msgspec.convert(given, _Line)
    except msgspec.ValidationError as error:
        raise Invalid("line_invalid", str(error)) from None


def _fault(line: SourceRow | BadLine, reason: str) -> FieldError:
    return BadLine(line.line, reason).as_error()


def _refused(bad: list[FieldError]) -> Invalid:
    detail = (
        f"{len(bad):,} of the lines are no annotations; nothing was kept. The first is {bad[0].path}:"
        f" {bad[0].message}. Correct them, or import with bad lines skipped."
    )
    return Invalid("bad_lines", detail, errors=tuple(bad[:_NAMED_LINES]))
