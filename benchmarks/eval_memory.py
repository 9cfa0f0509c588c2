"""Evaluations of 1,000, 10,000 and 100,000 rows by a scripted model, each in a fresh process.

Growth is the highest RSS during the evaluation, until its metrics are there, above the RSS of the idle server before
it, and what counts is how much more of it there is with more rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.evaluating import evaluate, rows, save_model
from benchmarks.penstock_server import penstock_server
from benchmarks.report import Report, at_most
from benchmarks.workspace import scratch
from penstock.testing.model_server import ModelServer

CONCURRENCY = 100
FEW = 100


@dataclass(frozen=True)
class Measured:
    """Megabytes are of 2**20 bytes."""

    growth_mb: float
    cpu_ms_per_row: float
    rows_per_second: float


def measure(report: Report, *, quick: bool) -> None:
    """One size after the other, the smallest first."""
    sizes = (300, 3_000) if quick else (1_000, 10_000, 100_000)
    found = {size: _run(size) for size in sizes}
    for size, measured in found.items():
        report.add(f"peak RSS growth, {size:,} rows", measured.growth_mb, "MB")
    more = found[sizes[-1]].growth_mb - found[sizes[0]].growth_mb
    report.add(f"growth from {sizes[0]:,} to {sizes[-1]:,} rows", more, "MB", target=at_most(50))
    for size, measured in found.items():
        report.add(f"CPU per row, {size:,} rows", measured.cpu_ms_per_row, "ms")
    report.add(f"rows/s, {sizes[-1]:,} rows", found[sizes[-1]].rows_per_second, "/s")


def _run(size: int) -> Measured:
    with scratch() as folder, ModelServer.start() as model:
        with penstock_server(folder) as server:
            save_model(server, model.url)
            server.import_lines("rows", rows(size), into="/benchmarks?key=")
            server.import_lines("few", rows(FEW), into="/benchmarks?key=")
        # A new process: what the import took is not part of the evaluation's memory.
        with penstock_server(folder) as server:
            evaluate(server, "few", CONCURRENCY)
            before, cpu = server.process.rss_mb(), server.process.cpu_seconds()
            server.process.forget_peak()
            _, seconds = evaluate(server, "rows", CONCURRENCY)
            growth = server.process.peak_rss_mb() - before
            return Measured(growth, (server.process.cpu_seconds() - cpu) * 1000 / size, size / seconds)
