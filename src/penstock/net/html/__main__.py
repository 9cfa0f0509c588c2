"""One task over one page, in a process that may die: started by `penstock.net.html.process`.

python -m penstock.net.html TIME_LIMIT_SECONDS MEMORY_LIMIT_BYTES < order > answer
"""

from __future__ import annotations

import json
import sys

from penstock.errors import StepError
from penstock.net.html.tasks import TASKS


def main() -> None:
    _limit(seconds=int(sys.argv[1]), memory_bytes=int(sys.argv[2]))
    order = json.load(sys.stdin.buffer)
    try:
        answer = {"result": TASKS[order["task"]](order["html"], order["arguments"])}
    except StepError as error:
        answer = {"error": {"code": error.code, "message": error.message}}
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _limit(*, seconds: int, memory_bytes: int) -> None:
    try:
        import resource
    except ModuleNotFoundError:  # Windows: the parent's time limit still holds
        return
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


main()
