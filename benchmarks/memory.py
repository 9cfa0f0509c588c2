"""1,000, 100,000 and 1,000,000 rows of a data set through a flow that does nothing, each in a fresh process.

Growth is the highest RSS during the run above the RSS of the idle server before it, and what counts is how much more of
it there is with more items. Payload is the rows as JSON plus the results as JSON; the database is its file after the
server has stopped. Rows of 1 KB weigh the content, rows of a few bytes show what an item costs beside its content.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.penstock_server import Server, penstock_server
from benchmarks.report import Report, at_most
from benchmarks.workspace import scratch

CONCURRENCY = 50
TEXT_BYTES = 1_000
MB = 1_000_000

FLOW = {
    "name": "same",
    "input": {"text": {"type": "string", "required": True}},
    "nodes": {"same": {"type": "transform", "inputs": {"text": "input.text"}, "expression": "text"}},
    "output": "same.out",
}


@dataclass(frozen=True)
class Measured:
    """Megabytes of memory are of 2**20 bytes, those of files of 10**6."""

    growth_mb: float
    payload_bytes: int
    imported_bytes: int
    database_bytes: int
    items_per_second: float

    @property
    def run_bytes(self) -> int:
        """What the run added to the database, beside the data set."""
        return self.database_bytes - self.imported_bytes


def measure(report: Report, *, quick: bool) -> None:
    """Every size with rows of 1 KB, then all but the largest with rows of a few bytes."""
    many = (1_000, 5_000) if quick else (1_000, 100_000, 1_000_000)
    for kind, length, sizes in (("1 KB", TEXT_BYTES, many), ("8 byte", 8, many[:2])):
        found = {size: _run(size, length) for size in sizes}
        for size, measured in found.items():
            report.add(f"peak RSS growth, {size:,} rows of {kind}", measured.growth_mb, "MB")
        more = found[sizes[-1]].growth_mb - found[sizes[0]].growth_mb
        name = f"growth from {sizes[0]:,} to {sizes[-1]:,} rows of {kind}"
        report.add(name, more, "MB", target=at_most(50))
        _add_sizes(report, kind, sizes[-1], found[sizes[-1]])
    report.note("Each run takes a copy of each row as the item's input, so that row is in the database twice.")


def _add_sizes(report: Report, kind: str, items: int, measured: Measured) -> None:
    ratio = measured.database_bytes / measured.payload_bytes
    about = f"{items:,} rows of {kind}"
    if kind == "1 KB":
        report.add(f"database ÷ payload, {about}", ratio, "", target=at_most(1.5))
        report.add(f"what the run adds ÷ payload, {about}", measured.run_bytes / measured.payload_bytes, "")
        report.add(f"database, {about}", measured.database_bytes / MB, "MB")
        report.add(f"of which the data set, {about}", measured.imported_bytes / MB, "MB")
    else:
        report.add(f"database per item beside its data set, {about}", measured.run_bytes / items, "bytes")
    report.add(f"items/s, {about}", measured.items_per_second, "/s")


def _run(size: int, length: int) -> Measured:
    with scratch() as folder:
        with penstock_server(folder) as server:
            server.call("POST", "/flows", FLOW)
            server.import_lines("rows", _rows(size, length))
        imported = _database_bytes(server)
        # A new process: what the import took is not part of the run's memory.
        with penstock_server(folder) as server:
            server.import_lines("few", _rows(10, length))
            server.run_dataset("same", "few", CONCURRENCY)
            before = server.process.rss_mb()
            server.process.forget_peak()
            _, seconds = server.run_dataset("same", "rows", CONCURRENCY)
            growth = server.process.peak_rss_mb() - before
        payload = sum(len(line) + _result_bytes(line) for line in _rows(size, length))
        return Measured(growth, payload, imported, _database_bytes(server), size / seconds)


def _rows(count: int, length: int) -> Iterator[bytes]:
    for number in range(count):
        yield b'{"text":"%s"}\n' % f"{number:08d}".ljust(length, "x").encode()


def _result_bytes(line: bytes) -> int:
    return len(json.dumps(json.loads(line)["text"]))


def _database_bytes(server: Server) -> int:
    return sum(path.stat().st_size for path in server.data.glob("penstock.db*"))
