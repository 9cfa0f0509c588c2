"""Benchmarks, as the server answers with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from penstock.client.objects import FieldFault, Record


class BenchmarkVersion(Record, frozen=True, kw_only=True):
    """A version of a benchmark: its rows never change. A `draft` waits to be reviewed."""

    version: int
    state: Literal["ready", "draft"] = "ready"
    content_hash: str = ""
    row_count: int = 0
    subsets: tuple[str, ...] = ()
    has_clusters: bool = False
    created_at: datetime | None = None


class Benchmark(Record, frozen=True, kw_only=True):
    """A benchmark with its latest version. `public`: everybody reads it, nobody changes it."""

    id: str
    key: str
    name: str
    latest: BenchmarkVersion
    kind: str = "custom"
    description: str = ""
    public: bool = False
    deprecated: bool = False
    categories: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    scorers: tuple[Any, ...] = ()
    system: str | None = None
    prompt: str | None = None
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def row_count(self) -> int:
        """Rows of the latest version."""
        return self.latest.row_count


class BenchmarkRow(Record, frozen=True, kw_only=True):
    """One question. `input` is a text, messages, or any JSON; `truth` what is expected."""

    id: str
    input: Any = None
    truth: Any = None
    subset: str | None = None
    cluster: str | None = None
    context: Any = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


class BenchmarkRowPage(Record, frozen=True, kw_only=True):
    """One page of the `total` rows that fit."""

    data: tuple[BenchmarkRow, ...]
    total: int = 0
    page: int = 1
    page_size: int = 100


class BenchmarkImport(Record, frozen=True, kw_only=True):
    """What an import did: rows loaded, lines skipped, and the first faults by line. `changed` is False when the rows
    were those of the latest version, so none was made.
    """

    benchmark: Benchmark
    changed: bool = True
    rows: int = 0
    skipped: int = 0
    errors: tuple[FieldFault, ...] = ()
    error_count: int = 0
