"""What a file's name tells about its content."""

from __future__ import annotations

from pathlib import Path

from penstock.client.objects import DatasetFormat

_FORMATS: dict[str, DatasetFormat] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


def dataset_format(path: Path) -> DatasetFormat:
    """The format that a file's suffix names. Raises ValueError, saying which suffixes are known."""
    try:
        return _FORMATS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(_FORMATS)
        raise ValueError(f"{path.name!r} does not end in one of {known}; say which format it has") from None
