"""The program of the worker processes that check answers against schemas which may take long: see `structured`.

It is run as a file, in a process of its own.
"""

from __future__ import annotations

import json
import resource
import select
import sys
from typing import Any

MEMORY_BYTES = 2 << 30
IDLE_SECONDS = 300
"""After which a worker ends."""


def main() -> None:
    """Answer the tasks of standard input, a line of JSON each, until it ends or nothing comes for a while."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0] and (line := sys.stdin.readline()):
        print(json.dumps({"faults": _faults(json.loads(line))}), flush=True)


def _faults(task: dict[str, Any]) -> tuple[str, ...]:
    from penstock.models.structured import Mismatch, parse

    try:
        parse(task["text"], task["schema"])
    except Mismatch as mismatch:
        return mismatch.faults
    return ()


if __name__ == "__main__":
    main()
