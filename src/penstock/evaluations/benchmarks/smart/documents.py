"""Documents as text, cut into passages that a model can be asked about."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from penstock.datasets.formats import Format
from penstock.datasets.model import BadLine
from penstock.errors import FieldError, Invalid, StepError
from penstock.evaluations.benchmarks.smart.word import word_text
from penstock.evaluations.benchmarks.source import source_rows
from penstock.net.html import process

MAX_DOCUMENTS = 20
MAX_DOCUMENT_CHARS = 2_000_000
MAX_PASSAGES = 200
PASSAGE_CHARS = 6_000

_PARAGRAPH = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Document:
    """A file, under the name its owner gave it."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document; `number` counts from 1."""

    document: str
    number: int
    text: str


async def passages_of(documents: list[Document]) -> list[Passage]:
    """Every passage of every document, in order.

    Raises `Invalid` naming each document that cannot be read, or when there is too much of it.
    """
    if not 1 <= len(documents) <= MAX_DOCUMENTS:
        raise Invalid("documents_invalid", f"A benchmark is drafted from 1 to {MAX_DOCUMENTS} documents.")
    found: list[Passage] = []
    faults: list[FieldError] = []
    for place, document in enumerate(documents):
        try:
            text = await text_of(document)
            cut = await asyncio.to_thread(_cut, text)
            found += [Passage(document.name, number, part) for number, part in enumerate(cut, 1)]
        except (ValueError, Invalid, StepError) as error:
            faults.append(FieldError(f"documents[{place}]", f"{document.name!r}: {error}"))
    if faults:
        raise Invalid("document_unreadable", faults[0].message, errors=tuple(faults))
    if len(found) > MAX_PASSAGES:
        detail = f"The documents have {len(found):,} passages of {PASSAGE_CHARS:,} characters; at most {MAX_PASSAGES}."
        raise Invalid("documents_too_long", detail)
    return found


async def text_of(document: Document) -> str:
    """A document's text. Raises ValueError, `Invalid` or `StepError` saying why there is none."""
    suffix = Path(document.name).suffix.lower()
    if suffix in _HTML:
        page = await asyncio.to_thread(_plain, document.path)
        arguments = {"readability": True, "keepLinks": False, "markdown": False, "url": None}
        text = str((await process.run("extract_text", page, arguments))["text"])
    elif suffix in _READERS:
        text = await asyncio.to_thread(_READERS[suffix], document.path)
    else:
        known = ", ".join([*_READERS, *_HTML])
        raise ValueError(f"a file of the kind {suffix or 'without suffix'!r} is not read here; save it as {known}")
    if not text.strip():
        raise ValueError("there is no text in it")
    if len(text) > MAX_DOCUMENT_CHARS:
        raise ValueError(f"it has more than {MAX_DOCUMENT_CHARS:,} characters")
    return text


def _cut(text: str) -> Iterator[str]:
    """Parts of up to `PASSAGE_CHARS`, ending with a paragraph where one ends in time."""
    part = ""
    for paragraph in _PARAGRAPH.split(text):
        for start in range(0, len(paragraph), PASSAGE_CHARS):
            piece = paragraph[start : start + PASSAGE_CHARS].strip()
            if part and len(part) + len(piece) + 2 > PASSAGE_CHARS:
                yield part
                part = ""
            part = f"{part}\n\n{piece}" if part else piece
    if part.strip():
        yield part


def _plain(path: Path) -> str:
    if path.stat().st_size > 4 * MAX_DOCUMENT_CHARS:
        raise ValueError(f"it has more than {MAX_DOCUMENT_CHARS:,} characters")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is not UTF-8") from None


def _rows(file_format: Format) -> Callable[[Path], str]:
    """Rows as paragraphs: one `field: value` a line."""

    def read(path: Path) -> str:
        parts: list[str] = []
        size = 0
        for row in source_rows(path, file_format):
            if isinstance(row, BadLine):
                raise ValueError(f"line {row.line}: {row.reason}")
            parts.append("\n".join(f"{name}: {_shown(value)}" for name, value in row.data.items()))
            size += len(parts[-1])
            if size > MAX_DOCUMENT_CHARS:
                break
        return "\n\n".join(parts)

    return read


def _shown(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


_HTML = (".html", ".htm")
_READERS: Mapping[str, Callable[[Path], str]] = {
    ".txt": _plain,
    ".md": _plain,
    ".docx": word_text,
    ".csv": _rows("csv"),
    ".json": _rows("json"),
    ".jsonl": _rows("jsonl"),
    ".parquet": _rows("parquet"),
}
