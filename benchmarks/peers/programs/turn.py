"""One turn of an evaluation, measured from within: the program that imports this prints what it took as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROWS, FEW = Path("rows.jsonl"), Path("few.jsonl")
"""What is evaluated, and a few rows to begin with; both are in the folder that the program is started in."""

MODEL = "echo"


def main(evaluate: Callable[[Path, str, int], int]) -> None:
    """`PROGRAM BASE_URL CONCURRENCY`: evaluate the few rows, so that everything is loaded, then measure all rows.

    `evaluate(rows, base_url, concurrency)` returns how many answers were right. Prints one line: `{"seconds",
    "cpu_ms" (of the process and of those it started), "peak_rss_mb", "right"}`.
    """
    base_url, concurrency = sys.argv[1], int(sys.argv[2])
    evaluate(FEW, base_url, concurrency)
    begun, cpu = time.perf_counter(), _cpu_ms()
    right = evaluate(ROWS, base_url, concurrency)
    seconds, used = time.perf_counter() - begun, _cpu_ms() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu_ms": used, "peak_rss_mb": peak_mb, "right": right}))


def read(rows: Path) -> Iterable[dict[str, Any]]:
    """The rows of a file of JSON Lines: `{"id", "input", "truth"}`."""
    with rows.open() as lines:
        for line in lines:
            yield json.loads(line)


def _cpu_ms() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used) * 1000
