"""What the callers call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.processes import Process

JSON_HEADERS = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Endpoint:
    """A POST endpoint that answers with its body once that is durable; `processes` are all that serve it."""

    url: str
    processes: tuple[Process, ...]
    headers: Mapping[str, str] = field(default_factory=lambda: JSON_HEADERS)
    about: str = ""

    def cpu_seconds(self) -> float:
        return sum(process.cpu_seconds() for process in self.processes)
