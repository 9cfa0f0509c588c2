"""What the outside of Penstock saw, line by line: acknowledgements, answers, events, kills."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any


def now_ms() -> int:
    """Milliseconds since 1970, as the model server's log has them."""
    return time.time_ns() // 1_000_000


class Ledger:
    """Facts of a run, appended to a file of JSON lines as they happen."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def note(self, kind: str, **facts: Any) -> None:
        """Write one fact down, with the time."""
        self._file.write(json.dumps({"kind": kind, "at": now_ms(), **facts}) + "\n")

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The facts of a file of JSON lines; none where there is no file."""
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)
