"""A file of traces of 1 GB over HTTP: JSON Lines of about 10 KB, one in 1,000 of them no JSON; and one line of 1 GB.

The file goes to `POST /traces/batches` from a disk as fast as the server takes it, and is read by an execution, which
is asked for its progress again and again until it is over. The ids in its results must be those of the lines, in their
order, and every bad line must be named; nothing of the file may be left on the disk. RSS is the highest above that of
the idle server before it, in a fresh process for each file.
"""

from __future__ import annotations

import http.client
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.penstock_server import Server, penstock_server
from benchmarks.report import Report, at_least, at_most
from benchmarks.spans import WORDS
from benchmarks.workspace import scratch

LINE_BYTES = 10_000
BAD_EACH = 1_000
GIGABYTE = 1024**3
_PIECE = 2**20
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class File:
    """`good`: how many of its lines are traces. `bad`: the numbers of those that are none."""

    path: Path
    good: int
    bad: list[int]


@dataclass
class Run:
    """What came of one file. `seen`: how many pieces were done, each time somebody looked."""

    upload_seconds: float
    seconds: float
    growth_mb: float
    cpu_seconds: float
    pieces: list[dict[str, list[object]]]
    left_bytes: int
    seen: list[int] = field(default_factory=list)


def measure(report: Report, *, quick: bool) -> None:
    """Many lines first, then the one."""
    size, long = (GIGABYTE // 50, GIGABYTE // 16) if quick else (GIGABYTE - _PIECE,) * 2
    with scratch() as folder:
        _add_many(report, folder, _many_lines(folder / "many.jsonl", size))
    with scratch() as folder:
        _add_one(report, folder, _one_line(folder / "one.jsonl", long))


def _add_many(report: Report, folder: Path, file: File) -> None:
    run, found = _run(folder, file)
    megabytes = file.path.stat().st_size / 1e6
    report.add("upload, many lines", megabytes / run.upload_seconds, "MB/s")
    report.add("until it is read, many lines", run.seconds, "s")
    report.add("traces/s", file.good / run.seconds, "/s")
    report.add("CPU per trace", run.cpu_seconds / file.good * 1000, "ms")
    report.add("peak RSS growth, many lines", run.growth_mb, "MB", target=at_most(200))
    given = [entry for piece in run.pieces for entry in piece["ids"]]
    report.add("ids that are not in the order of the lines", _misplaced(given, found, file), "", target=at_most(0))
    named = [error["line"] for piece in run.pieces for error in piece["errors"] if isinstance(error, dict)]
    report.add("bad lines that are not named", len(set(file.bad) - set(named)), "", target=at_most(0))
    report.add("good lines that are named", len(set(named) - set(file.bad)), "", target=at_most(0))
    report.add("times at which progress had grown", len(set(run.seen)), "", target=at_least(3))
    report.add("left of the file on the disk, many lines", run.left_bytes, "bytes", target=at_most(0))
    report.note(f"{file.good:,} traces in {megabytes:,.0f} MB, {len(file.bad):,} bad lines among them.")


def _add_one(report: Report, folder: Path, file: File) -> None:
    run, found = _run(folder, file)
    report.add("until it is read, one line", run.seconds, "s")
    report.add("peak RSS growth, one line", run.growth_mb, "MB", target=at_most(100))
    errors = [error for piece in run.pieces for error in piece["errors"]]
    report.add("traces of the lines before and behind it", len(found), "", target=at_least(file.good))
    report.add("errors named, one line", len(errors), "", target=at_least(1))
    report.add("left of the file on the disk, one line", run.left_bytes, "bytes", target=at_most(0))
    report.note(f"What is said of the line of 1 GB: {json.dumps(errors)}.")


def _run(folder: Path, file: File) -> tuple[Run, dict[str, str]]:
    """The run, and the sender's id of each trace by its own."""
    with penstock_server(folder) as server:
        # A first request, so that what is loaded at first use is no part of it.
        server.call("POST", "/traces", {"input": "first"})
        before, cpu = server.process.rss_mb(), server.process.cpu_seconds()
        server.process.forget_peak()
        begun = time.perf_counter()
        execution = _upload(server, file.path)
        uploaded = time.perf_counter() - begun
        seen = list(_followed(server, execution))
        seconds = time.perf_counter() - begun
        growth = server.process.peak_rss_mb() - before
        used = server.process.cpu_seconds() - cpu
        pieces = server.call("GET", f"/executions/{execution}/results", timeout_seconds=600)
        left = sum(path.stat().st_size for path in _files_beside(server.data))
    with closing(sqlite3.connect(server.data / "penstock.db")) as database:
        found = dict(database.execute("select id, trace_id from traces where filename is not null").fetchall())
    return Run(uploaded, seconds, growth, used, pieces, left, seen), found


def _upload(server: Server, path: Path) -> str:
    address = urlsplit(server.url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=600)) as connection:
        headers = {
            **server.headers,
            "Content-Type": "application/x-ndjson",
            "Content-Length": str(path.stat().st_size),
        }
        with path.open("rb") as body:
            connection.request("POST", f"/traces/batches?filename={path.name}", body, headers)
            answer = connection.getresponse()
        said = answer.read()
    if answer.status != 202:
        raise RuntimeError(f"{answer.status}: {said[:1000]!r}")
    execution: str = json.loads(said)["executionId"]
    return execution


def _followed(server: Server, execution: str) -> Iterator[int]:
    while True:
        progress = server.call("GET", f"/executions/{execution}")
        yield progress["counts"]["succeeded"]
        if progress["status"] in ("completed", "failed", "cancelled", "timeout"):
            if progress["status"] != "completed":
                raise RuntimeError(f"it did not complete: {progress}")
            return
        time.sleep(_POLL_SECONDS)


def _files_beside(data: Path) -> list[Path]:
    """What is in the data folder beside the database, in folders of their own."""
    return [path for folder in data.iterdir() if folder.is_dir() for path in folder.rglob("*") if path.is_file()]


def _misplaced(given: list[object], found: dict[str, str], file: File) -> int:
    expected = (n for n in range(1, file.good + len(file.bad) + 1) if n % BAD_EACH)
    wrong = sum(found.get(str(one)) != f"line-{n}" for one, n in zip(given, expected, strict=False))
    return wrong + abs(len(given) - file.good)


def _many_lines(path: Path, size: int) -> File:
    draw = random.Random(1)
    number, bad = 0, []
    with path.open("wb") as file:
        while file.tell() < size:
            number += 1
            if number % BAD_EACH:
                file.write(_line(draw, number))
            else:
                file.write(b'{"input": broken\n')
                bad.append(number)
    return File(path, number - len(bad), bad)


def _line(draw: random.Random, number: int) -> bytes:
    """A trace of two spans, half of it words and half of it figures."""
    words = " ".join(draw.choices(WORDS, k=LINE_BYTES // 12))
    call = {"name": "call", "model": "gpt-4o", "input": words, "tokens": {"input": 900, "output": 40}}
    padding = draw.randbytes(LINE_BYTES // 4).hex()
    return (
        json.dumps({"trace_id": f"line-{number}", "name": "root", "data": padding, "children": [call]}).encode() + b"\n"
    )


def _one_line(path: Path, size: int) -> File:
    with path.open("wb") as file:
        file.write(b'{"input": "before"}\n{"input": "')
        for _ in range(size // _PIECE):
            file.write(b"x" * _PIECE)
        file.write(b'"}\n{"input": "behind"}\n')
    return File(path, 2, [2])
