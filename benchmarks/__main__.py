"""The command `python -m benchmarks NAME [NAME ...]`, `python -m benchmarks all`, or `python -m benchmarks table`."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from typing import NoReturn

from benchmarks.conditions import conditions
from benchmarks.report import NAMES, Report
from benchmarks.table import write_table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="+", choices=[*NAMES, "all", "table"], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--quick", action="store_true", help="a short run to see that it works; nothing is written")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _leave)
    for name in NAMES if "all" in arguments.names else arguments.names:
        if name == "table":
            print(write_table())
        else:
            run(name, quick=arguments.quick)


def run(name: str, *, quick: bool) -> None:
    """Run one benchmark, print what it found, and keep it unless it was a quick one."""
    benchmark = importlib.import_module(f"benchmarks.{name}")
    report = Report(name, conditions())
    print(report.heading(), flush=True)
    benchmark.measure(report, quick=quick)
    print(report.text())
    if not quick:
        print(f"\nwritten to {report.save()}")


def _leave(number: int, frame: object) -> NoReturn:
    # As an exception, so that every process that a benchmark has started is ended on the way out.
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
