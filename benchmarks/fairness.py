"""What one tenant feels of another on one `penstock up`: A runs 10,000 items, B runs 20, C makes one sync call.

Every item is one model call of 50 ms of the scripted model server, in another process. B and C are measured alone, then
again and again while A's items run; what stands here are the medians and their ratios. Three times: A with 50 items in
flight, which leaves the processor room; A with 2,000, which does not; and all tenants on one endpoint that takes 40
calls at once and answers 429 above that. How late the event loop is meanwhile is asked from outside, by `/healthz`.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.penstock_server import Server, penstock_server
from benchmarks.report import Report, at_most
from benchmarks.workspace import scratch
from penstock.accounts.keys import Accounts
from penstock.accounts.organizations import create_organization, create_project
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore
from penstock.testing.model_server import ModelServer

DELAY_MS = 50
B_ITEMS = 20
TENANTS = ("A", "B", "C")
FLOW = {
    "name": "ask",
    "input": {"n": {"type": "integer", "required": True}},
    "nodes": {"answer": {"type": "prompt", "model": "endpoint", "prompt": "Item {{ n }}.", "inputs": {"n": "input.n"}}},
    "output": {"answer": "answer.out"},
}


@dataclass(frozen=True)
class Variant:
    """`concurrency` is A's; the endpoint refuses more than `capacity` calls at once."""

    name: str
    concurrency: int
    capacity: int | None = None


VARIANTS = (
    Variant("processor with room", 50),
    Variant("processor busy", 2_000),
    Variant("endpoint of 40 calls", 500, 40),
)


@dataclass
class Times:
    """Seconds of each round."""

    b: list[float] = field(default_factory=list)
    c: list[float] = field(default_factory=list)

    def add(self, b: Server, c: Server) -> None:
        self.c.append(_timed(lambda: c.call("POST", "/flows/ask/execute", {"n": 1})))
        self.b.append(_timed(lambda: _run(b, B_ITEMS, B_ITEMS)))


def measure(report: Report, *, quick: bool) -> None:
    """Each variant on a server and a model server of its own."""
    items, rounds = (3_000, 3) if quick else (10_000, 15)
    for variant in VARIANTS:
        with (
            scratch() as folder,
            penstock_server(_made(folder)) as server,
            ModelServer.start(delay_ms=DELAY_MS) as model,
        ):
            model.script([], capacity=variant.capacity)
            _measure(report, variant, _tenants(server, folder, model.url), items, rounds)
    report.note(f"Medians of {rounds} rounds alone and of as many as A's {items:,} items left time for, at least one.")


def _measure(report: Report, variant: Variant, tenants: dict[str, Server], items: int, rounds: int) -> None:
    a, b, c = (tenants[name] for name in TENANTS)
    alone, beside, lateness = Times(), Times(), Times()
    for server in tenants.values():
        _run(server, B_ITEMS, B_ITEMS)
    for _ in range(rounds):
        alone.add(b, c)
    lateness.b = _health(a, rounds)
    while len(beside.b) < rounds:
        with _running(a, items, variant.concurrency) as over:
            while not over() and len(beside.b) < rounds:
                beside.add(b, c)
                if not over():
                    lateness.c += _health(a, 3)
    for name, target, mine, theirs in (("B", 2.0, alone.b, beside.b), ("C", 1.5, alone.c, beside.c)):
        label = f"{variant.name}: {name}"
        report.add(f"{label} alone", statistics.median(mine) * 1000, "ms")
        report.add(f"{label} beside A", statistics.median(theirs) * 1000, "ms")
        ratio = statistics.median(theirs) / statistics.median(mine)
        report.add(f"{label}, times its time alone", ratio, "×", target=at_most(target))
    report.add(f"{variant.name}: /healthz alone", statistics.median(lateness.b) * 1000, "ms")
    report.add(f"{variant.name}: /healthz beside A", statistics.median(lateness.c) * 1000, "ms")


@contextmanager
def _running(a: Server, items: int, concurrency: int) -> Iterator[Callable[[], bool]]:
    """A's items under way; whether they are over. They are cancelled at the end."""
    handle = _submit(a, items, concurrency)
    time.sleep(0.5)
    path = f"/executions/{handle}"
    done = threading.Event()

    def follow() -> None:
        while a.call("GET", f"{path}?wait=60")["status"] in ("pending", "running"):
            pass
        done.set()

    follower = threading.Thread(target=follow)
    follower.start()
    yield done.is_set
    if not done.is_set():
        a.call("POST", f"{path}/cancel")
    follower.join()


def _health(server: Server, times: int) -> list[float]:
    return [_timed(lambda: urllib.request.urlopen(f"{server.url}/healthz").read()) for _ in range(times)]


def _run(server: Server, items: int, concurrency: int) -> None:
    handle = _submit(server, items, concurrency)
    while (progress := server.call("GET", f"/executions/{handle}?wait=60"))["status"] in ("pending", "running"):
        pass
    if progress["status"] != "completed" or progress["partial"]:
        raise RuntimeError(f"the execution did not complete: {json.dumps(progress)[:1000]}")


def _submit(server: Server, items: int, concurrency: int) -> str:
    body = {"inputs": [{"n": n} for n in range(items)], "mode": "async", "concurrency": concurrency}
    handle: str = server.call("POST", "/flows/ask/executions", body)["executionId"]
    return handle


def _timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def _tenants(server: Server, folder: Path, model_url: str) -> dict[str, Server]:
    """The same server with the key of each tenant, which has its own flow and its own name for the one endpoint."""
    keys = json.loads((folder / "keys.json").read_text())
    tenants = {name: Server(server.url, keys[name], server.data, server.process) for name in TENANTS}
    model = {"name": "endpoint", "provider": "openai", "baseUrl": f"{model_url}/v1", "modelName": "scripted"}
    for tenant in tenants.values():
        tenant.call("POST", "/models", {**model, "apiKey": "unused"})
        tenant.call("POST", "/flows", FLOW)
    return tenants


def _made(folder: Path) -> Path:
    """A data folder with three tenants; their keys are in `keys.json` beside it."""
    (folder / "data").mkdir()
    (folder / "keys.json").write_text(json.dumps(asyncio.run(_make_tenants(folder / "data" / "penstock.db"))))
    return folder


async def _make_tenants(database: Path) -> dict[str, str]:
    store = SqliteStore(database)
    try:
        await migrate(store)
        accounts = Accounts(store)
        await accounts.first_start(None)
        keys = {}
        for name in TENANTS:
            tenant = await create_project(store, await create_organization(store, name), name)
            keys[name] = (await accounts.create(tenant, name, ("admin",))).key
        return keys
    finally:
        await store.close()
