"""The command `python -m chaos`."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from chaos.record import Record, write_table
from chaos.run import Result, judge, run
from chaos.table import lines, total


def main() -> None:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, _leave)
    if arguments.table:
        print(write_table())
        return
    if arguments.check is not None:
        results = [judge(0, arguments.check, split=False)]
        print(lines(results))
    else:
        results = list(_runs(arguments))
    print(f"\n{total(results)}")
    if any(result.broken for result in results):
        sys.exit(1)


def _runs(arguments: argparse.Namespace) -> Iterator[Result]:
    give_up = None if arguments.minutes is None else time.monotonic() + 60 * arguments.minutes
    seed = arguments.seed
    record = Record() if arguments.record else None
    while True:
        result = _one(seed, arguments.kills, keep=arguments.keep)
        if record is not None:
            record.add(result)
        yield result
        seed += 1
        if seed == arguments.seed + arguments.runs or (give_up is not None and time.monotonic() > give_up):
            return


def _one(seed: int, kills: int, *, keep: bool) -> Result:
    folder = Path(tempfile.mkdtemp(prefix=f"penstock-chaos-{seed}-"))
    try:
        result = run(seed, folder, kills)
    except BaseException:
        print(f"seed {seed} did not get through; its folder is {folder}", file=sys.stderr)
        raise
    print(lines([result]), flush=True)
    if result.broken:
        for name, found in result.broken.items():
            for finding in found[:20]:
                print(f"  {name}: {finding}")
        print(f"  evidence: {folder}; again: make chaos SEED={seed} RUNS=1 KILLS={kills}", flush=True)
    elif not keep:
        shutil.rmtree(folder)
    return result


def _leave(number: int, frame: object) -> NoReturn:
    # As an exception, so that every process that a run has started is ended on the way out.
    sys.exit(128 + number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next ones count up")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="begin no further run after so many")
    parser.add_argument("--kills", type=int, default=8, help="in each run")
    parser.add_argument("--keep", action="store_true", help="keep the folders of good runs too")
    parser.add_argument("--record", action="store_true", help="keep the results in chaos/results")
    parser.add_argument("--table", action="store_true", help="only write the table of kept results into the docs")
    parser.add_argument("--check", type=Path, help="only check the evidence in a kept folder again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
