"""Objects from files become traces, many at once, and each line that does not is named."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

import msgspec

from penstock.errors import FieldError, Invalid
from penstock.storage.store import chunked
from penstock.traces.formats import Found, NotATrace, trace_in
from penstock.traces.formats.files import Fault, Record
from penstock.traces.ingestion import Accepted, Ingestion
from penstock.types import Tenant

UPLOAD = "upload"
MAX_SOURCE_CHARS = 200
AT_ONCE = 64
_LINES_SUFFIXES = frozenset({".jsonl", ".ndjson"})


class Taken(msgspec.Struct, rename="camel"):
    """What came of some lines: ids of traces in the order of their lines, and the lines that are not traces.

    A trace of which some spans were refused has its id, and its line is named as well.
    """

    ids: list[str] = msgspec.field(default_factory=list)
    errors: list[dict[str, Any]] = msgspec.field(default_factory=list)
    new_spans: int = 0
    repeated_spans: int = 0


@dataclass(frozen=True, slots=True)
class Uploads:
    """Where uploaded objects go. `source` and `filename` are for traces that are new."""

    ingestion: Ingestion
    tenant: Tenant
    source: str = UPLOAD
    filename: str | None = None
    taken: Taken = field(default_factory=Taken)

    async def take(self, found: Sequence[Record | Fault]) -> Taken:
        """Keep what was read, in this order; it is on disk when this returns. Raises as `Ingestion.accept` does."""
        read = await asyncio.to_thread(_read, found)
        for some in chunked(read, AT_ONCE):
            good = [one for one in some if not isinstance(one, Fault)]
            accepted = iter(await asyncio.gather(*(self._accept(found) for _, found in good)))
            for one in some:
                if isinstance(one, Fault):
                    self._name(one)
                else:
                    self._count(one[0], next(accepted))
        return self.taken

    async def _accept(self, found: Found) -> Accepted:
        return await self.ingestion.accept(
            self.tenant,
            found.spans,
            source=self.source,
            filename=self.filename,
            data=None if found.data is None else msgspec.Raw(found.data),
        )

    def _count(self, line: int, accepted: Accepted) -> None:
        self.taken.ids += accepted.trace_ids
        self.taken.new_spans += accepted.new_spans
        self.taken.repeated_spans += accepted.repeated_spans
        rejected = accepted.rejected
        more = f" ({len(rejected):,} of its spans were refused)" if len(rejected) > 1 else ""
        for index, reason in rejected[:1]:
            self._name(Fault(line, f"span {index}: {reason}{more}"))

    def _name(self, fault: Fault) -> None:
        self.taken.errors.append({"line": fault.line, "message": fault.reason})


def says_lines(filename: str | None) -> bool | None:
    """Whether a file's name says that it is JSON Lines; None where it says nothing."""
    suffix = PurePath(filename or "").suffix.lower()
    return True if suffix in _LINES_SUFFIXES else None


def nothing_found(errors: Sequence[dict[str, Any]]) -> Invalid:
    """The refusal of what has no trace in it, naming each of its lines (see `Taken.errors`)."""
    if not errors:
        return Invalid("file_empty", "There is no trace in it: the body is empty.")
    faults = tuple(FieldError(f"line {fault['line']}", fault["message"], fault["line"]) for fault in errors[:100])
    detail = f"There is no trace in it. Line {errors[0]['line']}: {errors[0]['message']}."
    return Invalid("no_trace", detail, errors=faults)


def _read(found: Iterable[Record | Fault]) -> list[tuple[int, Found] | Fault]:
    read: list[tuple[int, Found] | Fault] = []
    for one in found:
        if isinstance(one, Fault):
            read.append(one)
            continue
        try:
            read.append((one.line, trace_in(one.upload)))
        except NotATrace as error:
            read.append(Fault(one.line, str(error)))
    return read
