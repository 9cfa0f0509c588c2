"""Files of rows, as benchmarks read them."""

from __future__ import annotations

from pathlib import Path

from penstock.datasets.formats import Format, csv_text, read_rows
from penstock.datasets.imports import SourceRows


def source_rows(path: Path, file_format: Format) -> SourceRows:
    """The rows of a file. Cells of a CSV stay the texts they are: what a model must answer is not to become a number
    (`007`, `1.50`) or a boolean (`True`) on the way. Blocks; raises `UnreadableFile`.
    """
    return csv_text.read(path) if file_format == "csv" else read_rows(path, file_format, {})
