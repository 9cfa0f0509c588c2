"""One caller on a kept connection who asks a server each question again and again."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.penstock_server import Server

FEWEST = 20
LONGEST_MS = 10_000
"""A question that takes long is asked less often, though at least `FEWEST` times."""

Asked = Callable[[int], str]
"""The path to ask for in the given turn."""


@dataclass(frozen=True)
class Question:
    """`name` as it stands in the report."""

    name: str
    path: Asked


def answered(server: Server, path: Asked, turns: int) -> list[float]:
    """Milliseconds until each whole answer was there, on one connection; the first answer is not counted."""
    found: list[float] = []
    with connected(server) as connection:
        for turn in range(turns + 1):
            begun_at = time.perf_counter()
            ask(connection, server, path(turn)).read()
            found.append((time.perf_counter() - begun_at) * 1000)
            if turn >= FEWEST and sum(found) > LONGEST_MS:
                break
    return found[1:]


def begun(server: Server, path: str, turns: int) -> list[float]:
    """Milliseconds until the first byte of the body; the rest is not read."""
    found = []
    for _ in range(turns):
        with connected(server) as connection:
            begun_at = time.perf_counter()
            ask(connection, server, path).read(1)
            found.append((time.perf_counter() - begun_at) * 1000)
    return found


def p50(times: list[float]) -> float:
    return sorted(times)[len(times) // 2]


def p95(times: list[float]) -> float:
    return sorted(times)[len(times) * 95 // 100]


def read_once(folder: Path) -> None:
    """Read a store, so that it is in the page cache as far as memory allows."""
    with (folder / "data" / "penstock.db").open("rb", buffering=0) as file:
        while file.read(2**24):
            pass


@contextmanager
def connected(server: Server) -> Iterator[http.client.HTTPConnection]:
    address = urlsplit(server.url)
    with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)) as connection:
        yield connection


def ask(connection: http.client.HTTPConnection, server: Server, path: str) -> http.client.HTTPResponse:
    """The answer, its body unread. Raises RuntimeError unless it is a 200."""
    connection.request("GET", path, headers=server.headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {answer.read()[:500]!r}")
    return answer
