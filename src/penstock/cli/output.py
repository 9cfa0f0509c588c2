"""What people and scripts see. Text from models and pages is shown as text: no markup, no control characters."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click
import msgspec

from penstock.client.errors import APIStatusError, ExecutionError
from penstock.client.objects import Record

# Control characters, and what turns the direction of writing, so that a text looks like another.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_WIDTH_OFF_TERMINAL = 160
_LONGEST_CELL = 200
_WHOLE = frozenset({"id", "evaluation"})
"""Columns that are never broken into lines: people copy what stands there."""
_NARROWEST = 9
"""Characters of a cell that stay together; in a column of less, words and times come to pieces."""
_FRAME = 3
"""Characters between two columns."""


def plain(value: object) -> str:
    """A value as one line of harmless text, cut where it is long."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, tuple):
        return plain(", ".join(str(part) for part in value))
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = _CONTROL.sub("", " ".join(text.split()))
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def show_json(value: object) -> None:
    """A value as JSON on standard output, indented."""
    click.echo(harmless_json(msgspec.json.format(msgspec.json.encode(value), indent=2)))


def harmless_json(encoded: bytes) -> str:
    """The same JSON with every control character escaped: JSON itself demands that of the first 32 only."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", encoded.decode())


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """A table on standard output, as wide as the terminal. Where that is too narrow, a block of lines for each row."""
    from rich.console import Console
    from rich.table import Table

    width = None if sys.stdout.isatty() else _WIDTH_OFF_TERMINAL
    console = Console(markup=False, emoji=False, highlight=False, width=width)
    cells = [[plain(cell) for cell in row] for row in rows]
    if cells and _narrowest(columns, cells) > console.width:
        _show_blocks(columns, cells, title)
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _narrowest(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    """How wide a table must be to be read."""
    longest = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    wanted = [most if name in _WHOLE else min(most, _NARROWEST) for name, most in zip(columns, longest, strict=True)]
    return sum(wanted) + _FRAME * len(columns) + 1


def _show_blocks(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str | None) -> None:
    indent = max(map(len, columns))
    blocks = [
        "\n".join(f"{name:{indent}}  {cell}" for name, cell in zip(columns, row, strict=True) if cell) for row in cells
    ]
    click.echo("\n\n".join([title, *blocks] if title else blocks))


def show_records(records: Sequence[Record], columns: Mapping[str, str], *, as_json: bool, none: str) -> None:
    """A list: JSON for scripts, a table of these columns (heading to attribute) for people, `none` when empty."""
    if as_json:
        show_json([record.to_dict() for record in records])
    elif not records:
        note(none)
    else:
        show_table([*columns], [[getattr(record, name) for name in columns.values()] for record in records])


def note(text: str) -> None:
    """A remark for people, on standard error so that it never mixes with results."""
    click.echo(text, err=True)


def show_error(fault: Exception, *, as_json: bool) -> None:
    """What went wrong, on standard error: a sentence and each single fault, or JSON."""
    if as_json:
        click.echo(harmless_json(msgspec.json.encode(_problem(fault))), err=True)
        return
    detail = getattr(fault, "detail", None) or str(fault)
    click.echo(f"Error: {plain_lines(detail)}", err=True)
    for single in getattr(fault, "errors", ()):
        if single.line is None and single.message in detail:
            continue
        line = f" (line {single.line})" if single.line is not None and single.path != f"line {single.line}" else ""
        place = f"{plain(single.path)}{line}: " if single.path or line else ""
        click.echo(f"  {place}{plain(single.message)}", err=True)


def plain_lines(text: str) -> str:
    """Harmless text that keeps its lines."""
    return "\n".join(_CONTROL.sub("", line) for line in text.splitlines())


def _problem(fault: Exception) -> Mapping[str, Any]:
    if isinstance(fault, APIStatusError):
        return {"status": fault.status, "code": fault.code, "detail": fault.detail, **fault.problem}
    if isinstance(fault, ExecutionError):
        error = fault.error.to_dict() if fault.error else None
        return {"code": "execution_error", "detail": str(fault), "executionId": fault.execution_id, "error": error}
    return {"code": getattr(fault, "code", "error"), "detail": getattr(fault, "detail", None) or str(fault)}
