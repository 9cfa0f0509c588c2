"""The text of a Word document (.docx): the main part of an Office Open XML package (ECMA-376).

The file comes from anybody, so the archive and the XML in it are read within limits, and a document type definition,
which no such file has and which could make a small file a huge one, is refused.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from xml.parsers import expat

MAX_XML_BYTES = 64 * 1024 * 1024
_MAIN_PART = "word/document.xml"
_WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_STRICT_WORDS = "http://purl.oclc.org/ooxml/wordprocessingml/main"
_CHUNK_BYTES = 256 * 1024
_BETWEEN = {"p": "\n\n", "tab": "\t", "br": "\n", "cr": "\n"}


def word_text(path: Path) -> str:
    """The document's paragraphs. Raises ValueError when it is no Word document."""
    text = _Text()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = text.start
    parser.EndElementHandler = text.end
    parser.CharacterDataHandler = text.characters
    parser.StartDoctypeDeclHandler = _refuse
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_MAIN_PART) as part:
            left = MAX_XML_BYTES
            while chunk := part.read(_CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise ValueError(f"its text takes more than {MAX_XML_BYTES:,} bytes")
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except (zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, EOFError, expat.ExpatError) as error:
        raise ValueError(f"it is no Word document: {error}") from None
    return "".join(text.parts)


class _Text:
    """Gathers the characters of runs of text, and what separates them."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._inside = False

    def start(self, name: str, _: dict[str, str]) -> None:
        self._inside = _local(name) == "t"

    def end(self, name: str) -> None:
        self._inside = False
        between = _BETWEEN.get(_local(name))
        if between:
            self.parts.append(between)

    def characters(self, data: str) -> None:
        if self._inside:
            self.parts.append(data)


def _local(name: str) -> str:
    """The name of an element of word processing, empty for every other one."""
    space, _, local = name.rpartition(" ")
    return local if space in (_WORDS, _STRICT_WORDS) else ""


def _refuse(*_: object) -> None:
    raise ValueError("it has a document type definition, which no Word document has")
