"""The benchmark that a command names: one that is there, or a file that becomes one."""

from __future__ import annotations

import re
from pathlib import Path

from penstock.cli.output import note, plain
from penstock.cli.session import Session
from penstock.client.errors import ConflictError


async def benchmark_id(session: Session, named: Path | str, adapter: str | None = None) -> str:
    """Its id or key. A file becomes the benchmark of its name first, or that one's next version where its rows are
    others; `adapter` names the layout of a well-known benchmark."""
    if isinstance(named, str):
        return named
    benchmarks = session.client.benchmarks
    key = re.sub(r"[^A-Za-z0-9._-]+", "-", named.stem).strip("-._") or "benchmark"
    try:
        report = await benchmarks.import_file(named, key, adapter=adapter)
    except ConflictError as fault:
        if fault.code != "benchmark_exists":
            raise
        report = await benchmarks.add_version(key, named, adapter=adapter)
    found = report.benchmark
    note(f"benchmark {plain(found.key)!r}: {report.rows} rows of {named}, version {found.latest.version}")
    return found.id
