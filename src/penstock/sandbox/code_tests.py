"""Does code that a model wrote pass its tests? The code and the tests run locked in, apart from each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from penstock.sandbox.locked import Ended, LockedLimits, LockedPython, Script

_INSIDE = "inside.py"


class Found(msgspec.Struct):
    """How many tests passed. `failure` tells the first that did not; `broken` that the tests themselves do not run."""

    passed: int
    total: int
    failure: str | None = None
    broken: str | None = None


@dataclass(frozen=True, slots=True)
class FunctionTests:
    """Tests that call functions: sources that assert, or that define `check(candidate)` for `entry_point`.

    `setup` is run before them, in their process: what the tests themselves import and define.
    """

    tests: Sequence[str]
    setup: Sequence[str] = ()
    entry_point: str | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """A test of a whole program: what it is given on standard input, and what it should print."""

    given: str
    expected: str


async def test_functions(locked: LockedPython, code: str, tests: FunctionTests, limits: LockedLimits) -> Found:
    """Run the tests of functions. Values that cross between tests and code are plain data: numbers, texts, lists,
    tuples, sets, dicts and what is made of them; of an iterator its elements. Raises as `LockedPython.run` does."""
    total = len(tests.tests)
    told = json.dumps({"setup": list(tests.setup), "tests": list(tests.tests), "entryPoint": tests.entry_point})
    asking = Script({_INSIDE: _inside(), "tests.json": told}, ("tests",))
    answering = Script({_INSIDE: _inside(), "answer.py": code}, ("answer",))
    ended = await locked.run_pair(asking, answering, limits)
    if ended.how == "timeout":
        return Found(0, total, f"the tests took longer than {limits.seconds:g} s")
    try:
        return msgspec.json.decode(ended.stdout, type=Found)
    except msgspec.DecodeError:
        return Found(0, total, "what the code answered ended the tests")


async def test_program(
    locked: LockedPython, code: str, exchanges: Sequence[Exchange], limits: LockedLimits, *, stop_early: bool
) -> Found:
    """Run the program once for each exchange. Lines are compared without spaces at their ends. Raises as
    `LockedPython.run` does."""
    found = Found(0, len(exchanges))
    for number, exchange in enumerate(exchanges, 1):
        ended = await locked.run(Script({"main.py": code}, stdin=exchange.given.encode()), limits)
        fault = _fault(ended, exchange.expected, limits)
        if fault is None:
            found.passed += 1
            continue
        found.failure = found.failure or f"test {number}: {fault}"
        if stop_early:
            break
    return found


def _fault(ended: Ended, expected: str, limits: LockedLimits) -> str | None:
    if ended.how == "timeout":
        return f"it took longer than {limits.seconds:g} s"
    if ended.how == "output":
        return f"it printed more than {limits.output_bytes:,} bytes"
    if ended.exit_code != 0:
        last = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2][:300]
        return f"it ended with exit code {ended.exit_code}" + (f": {last}" if last else "")
    printed = ended.stdout.decode(errors="replace")
    if _lines(printed) == _lines(expected):
        return None
    return f"it printed {printed[:200]!r}, not {expected[:200]!r}"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]


@cache
def _inside() -> str:
    return Path(__file__).with_name(_INSIDE).read_text()
