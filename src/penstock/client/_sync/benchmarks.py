# Made from ../_async by scripts/unasync.py: change it there.
"""Benchmarks: rows with a truth, in versions that never change."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from penstock.client import calls
from penstock.client._sync.handles import ExecutionHandle
from penstock.client._sync.runtime import read_chunks
from penstock.client._sync.transport import Transport
from penstock.client.benchmark_objects import (
    Benchmark,
    BenchmarkImport,
    BenchmarkRow,
    BenchmarkRowPage,
    BenchmarkVersion,
)
from penstock.client.calls import Call
from penstock.client.objects import Execution
from penstock.client.paths import dataset_format

_PAGE_ROWS = 500


class Benchmarks:
    """`client.benchmarks`. A benchmark is named by its id or its key; the project's own come before public ones."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        key: str,
        rows: Sequence[Mapping[str, Any]],
        *,
        mapping: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Benchmark:
        """Make a benchmark of these rows.

        `mapping` says which field is which member where the usual names do not (`{"truth": "sample.answer"}`).
        `details` are what is said of it, by their names on the wire: `{"scorers": ["exact"], "prompt": "…"}`. Raises
        BadRequestError naming each bad row, ConflictError when the key is taken.
        """
        body = {"key": key, "rows": rows, "mapping": mapping or {}, **(details or {})}
        return (self._transport.fetch(calls.post("/benchmarks", body), BenchmarkImport)).benchmark

    def import_file(
        self,
        path: Path,
        key: str | None = None,
        *,
        adapter: str | None = None,
        mapping: Mapping[str, str] | None = None,
        on_bad: Literal["refuse", "skip"] = "refuse",
        require_truth: bool = True,
    ) -> BenchmarkImport:
        """Load a CSV, JSON, JSON Lines or Parquet file, sent as it is read, so that any size fits.

        `key` is the file's name by default. `adapter` names the layout of a well-known benchmark (`gsm8k`, `bbh`,
        `mmlu`, `arc`, `ifeval`, `humaneval`). With bad lines nothing is loaded and BadRequestError names each, unless
        `on_bad="skip"`. Raises ValueError when the suffix tells no format.
        """
        reading = _reading(path, adapter, mapping, on_bad, require_truth)
        call = _upload("/benchmarks", path, {"key": key or path.stem, **reading})
        return self._transport.fetch(call, BenchmarkImport)

    def add_version(
        self,
        benchmark: str,
        path: Path,
        *,
        adapter: str | None = None,
        mapping: Mapping[str, str] | None = None,
        on_bad: Literal["refuse", "skip"] = "refuse",
        require_truth: bool = True,
    ) -> BenchmarkImport:
        """Put a file's rows in the place of those it has, as its next version, unless they are the same."""
        reading = _reading(path, adapter, mapping, on_bad, require_truth)
        return self._transport.fetch(_upload(f"{_path(benchmark)}/versions", path, reading), BenchmarkImport)

    def generate(
        self,
        generator: str,
        *,
        seed: int = 0,
        difficulty: Literal["easy", "medium", "hard"] = "medium",
        rows: int = 200,
        key: str | None = None,
        name: str | None = None,
    ) -> Benchmark:
        """Make a benchmark from a seed: the same rows everywhere for the same seed, difficulty and number of rows."""
        asked = {"generator": generator, "seed": seed, "difficulty": difficulty, "rows": rows, "key": key, "name": name}
        body = {field: value for field, value in asked.items() if value is not None}
        return (self._transport.fetch(calls.post("/benchmarks/generate", body), BenchmarkImport)).benchmark

    def draft(
        self,
        key: str,
        documents: Sequence[Path],
        *,
        questions: int = 50,
        instructions: str = "",
        model: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> ExecutionHandle:
        """Let a model write questions on 1 to 20 documents; returns the handle.

        The benchmark is a draft until it was reviewed. `instructions` are your own words to the model. Raises
        BadRequestError naming each document that cannot be read.
        """
        files = [{"name": path.name, "data": _base64(path)} for path in documents]
        asked = {"key": key, "documents": files, "questions": questions, "instructions": instructions, "model": model}
        body = {name: value for name, value in asked.items() if value is not None} | dict(details or {})
        started = self._transport.fetch(calls.start("/benchmarks/smart", body, idempotency_key=None), Execution)
        return ExecutionHandle(self._transport, started)

    def review(
        self,
        benchmark: str,
        accept: Sequence[str] | Literal["all"] = "all",
        *,
        edits: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Benchmark:
        """Make a version of the rows of a draft that are good, by their ids: `edits={"7": {"truth": "Oslo"}}`."""
        body = {"accept": accept, "edits": edits or {}}
        return (self._transport.fetch(calls.post(f"{_path(benchmark)}/review", body), BenchmarkImport)).benchmark

    def get(self, benchmark: str) -> Benchmark:
        """One benchmark. Raises NotFoundError."""
        return self._transport.fetch(calls.get(_path(benchmark)), Benchmark)

    def list(
        self,
        *,
        kind: Literal["custom", "builtin", "imported", "smart"] | None = None,
        category: str | None = None,
        language: str | None = None,
        text: str | None = None,
        deprecated: bool | None = None,
        public: bool | None = None,
    ) -> Iterator[Benchmark]:
        """The project's and the public benchmarks that fit, by key."""
        return self._transport.pages(
            "/benchmarks",
            Benchmark,
            kind=kind,
            category=category,
            language=language,
            text=text,
            deprecated=_flag(deprecated),
            public=_flag(public),
        )

    def versions(self, benchmark: str) -> Iterator[BenchmarkVersion]:
        """Its versions, newest first."""
        return self._transport.pages(f"{_path(benchmark)}/versions", BenchmarkVersion)

    def rows(
        self,
        benchmark: str,
        *,
        version: int | None = None,
        search: str | None = None,
        search_field: Literal["id", "input", "truth"] | None = None,
        sort_by: Literal["id", "input", "truth"] | None = None,
        order: Literal["asc", "desc"] = "asc",
    ) -> Iterator[BenchmarkRow]:
        """The rows that have a text in them, page after page, in the order of the benchmark or of a field."""
        page, seen, total = 0, 0, 1
        while seen < total:
            page += 1
            call = calls.get(
                f"{_path(benchmark)}/rows",
                page=page,
                pageSize=_PAGE_ROWS,
                version=version,
                search=search,
                searchField=search_field,
                sortBy=sort_by,
                order=order,
            )
            found = self._transport.fetch(call, BenchmarkRowPage)
            total = found.total if found.data else seen
            for row in found.data:
                seen += 1
                yield row

    def update(self, benchmark: str, changes: Mapping[str, Any]) -> Benchmark:
        """Change what is said of it, by its names on the wire: `{"description": "…", "deprecated": True}`."""
        return self._transport.fetch(calls.patch(_path(benchmark), changes), Benchmark)

    def delete(self, benchmark: str) -> None:
        """Delete a benchmark with its versions. Raises ConflictError while an evaluation on it is not over."""
        self._transport.send(calls.delete(_path(benchmark)))


def _path(benchmark: str) -> str:
    return f"/benchmarks/{calls.segment(benchmark)}"


def _base64(path: Path) -> str:
    whole = bytearray()
    for chunk in read_chunks(path):
        whole += chunk
    return base64.b64encode(whole).decode()


def _reading(
    path: Path, adapter: str | None, mapping: Mapping[str, str] | None, on_bad: str, require_truth: bool
) -> dict[str, str]:
    """How the file is read, as a query."""
    chosen = {"adapter": adapter, "mapping": ",".join(f"{member}:{field}" for member, field in (mapping or {}).items())}
    return {
        "format": dataset_format(path),
        "fileName": path.name,
        "onBad": on_bad,
        "requireTruth": str(require_truth).lower(),
        **{name: value for name, value in chosen.items() if value},
    }


def _upload(target: str, path: Path, query: Mapping[str, str]) -> Call:
    headers = {"content-type": "application/octet-stream"}
    return Call(method="POST", path=target, query=query, headers=headers, body=path, repeatable=False)


def _flag(value: bool | None) -> str | None:
    return None if value is None else str(value).lower()
