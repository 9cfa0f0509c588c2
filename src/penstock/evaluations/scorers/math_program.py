"""The program of the worker processes of `math`: it compares answers with truths by the package math-verify.

It is run as a file, in a process of its own, because math-verify limits its time with `signal.alarm`, which needs a
main thread, and because an algebra system can take any amount of time and memory over what a model wrote. It imports
nothing of Penstock.
"""

import json
import re
import select
import sys
from typing import Any

MEMORY_BYTES = 2 << 30
IDLE_SECONDS = 300
"""After which a worker ends, since the algebra system takes some 80 MB."""
_SHORT = 200
_WORD = re.compile(r"(?<!\\)\b[A-Za-z]{3,}")


def main() -> None:
    """Answer the tasks of standard input, a line of JSON each, until it ends or nothing comes for a while."""
    _limit_memory()
    answers, sys.stdout = sys.stdout, sys.stderr
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0] and (line := sys.stdin.readline()):
        json.dump(_answer(json.loads(line)), answers)
        answers.write("\n")
        answers.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:
        return  # Not every system has such limits.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _answer(task: dict[str, Any]) -> dict[str, Any]:
    """`{answer, right}`, `answer` null where nothing was found in it; `{unreadable}` where the truths are no
    mathematics; `{slow}` where it took too long."""
    from math_verify.errors import TimeoutException

    try:
        truths = [found for truth in task["truths"] if (found := _parsed(truth, task["seconds"]))]
        if not truths:
            return {"unreadable": True}
        found = _parsed(task["answer"], task["seconds"])
        if not found:
            return {"answer": None}
        return {"answer": str(found[-1])[:1000], "right": any(_equal(truth, found, task) for truth in truths)}
    except TimeoutException:
        return {"slow": True}


def _equal(truth: list[Any], found: list[Any], task: dict[str, Any]) -> bool:
    from math_verify import verify

    try:
        return bool(
            verify(truth, found, float_rounding=task["digits"], timeout_seconds=task["seconds"], raise_on_error=True)
        )
    except Exception:  # noqa: BLE001 - whatever the algebra system stumbles over, it has not found them equal
        return False


def _parsed(text: str, seconds: int) -> list[Any]:
    """What math-verify finds: in the text as one formula of LaTeX where it looks like one, else among its words."""
    from math_verify import parse

    is_formula = len(text) <= _SHORT and "$" not in text and "\\boxed" not in text and not _WORD.search(text)
    for way in (f"${text}$", text) if is_formula else (text,):
        try:
            found = parse(way, parsing_timeout=seconds, raise_on_error=True)
        except Exception:  # noqa: BLE001, S112 - what cannot be parsed is not there
            continue
        if found:
            return list(found)
    return []


if __name__ == "__main__":
    main()
