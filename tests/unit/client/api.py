"""A small real HTTP server that keeps to the contract of the API, and fails on demand. It lives in its own thread."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Run:
    """One execution: its progress body, and what wakes those who wait for it."""

    body: dict[str, Any]
    results: Any = None
    items: list[dict[str, Any]] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None, **members: Any) -> web.Response:
    body = {"type": f"urn:penstock:problem:{code}", "status": status, "code": code, "detail": detail, **members}
    return web.json_response(body, status=status, headers=headers, content_type="application/problem+json")


class Api:
    """Flows: `echo` ends at once, `slow` when `finish` is called, `partial` with a failed item, `broken` as failed,
    `late` as timed out. `faults` are answered first, one per request that starts with the given path."""

    def __init__(self) -> None:
        self.url = ""
        self.seen: list[Seen] = []
        self.runs: dict[str, Run] = {}
        self.started: dict[str, str] = {}
        self.faults: deque[tuple[str, Fault]] = deque()
        self.things: dict[str, dict[str, Any]] = {
            "flows": {"f1": {"id": "f1", "name": "echo", "version": 1, "deployedVersion": 1, "document": {"input": {}}}}
        }
        self.changed = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(10)
        self._loop.close()

    def fail(self, path: str, *faults: Fault) -> None:
        self.faults.extend((path, fault) for fault in faults)

    def finish(self, execution_id: str, status: str = "completed", **fields: Any) -> None:
        """End a run, from the test's thread."""
        self._loop.call_soon_threadsafe(self._finish, self.runs[execution_id], status, fields)

    def of(self, method: str, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.method == method and seen.path == path]

    # The server's side

    def _serve(self) -> None:
        self._loop.run_until_complete(self._main())

    async def _main(self) -> None:
        self._stopping = asyncio.Event()
        app = web.Application(middlewares=[self._middleware], client_max_size=2**26)
        app.router.add_post("/flows/{flow}/execute", self._execute)
        app.router.add_post("/flows/{flow}/execute-async", self._execute_async)
        app.router.add_post("/flows/{flow}/executions", self._execute_async)
        app.router.add_get("/executions", self._list_runs)
        app.router.add_get("/executions/{id}", self._look)
        app.router.add_get("/executions/{id}/events", self._events)
        app.router.add_get("/executions/{id}/results", self._results)
        app.router.add_get("/executions/{id}/items", self._items)
        app.router.add_post("/executions/{id}/cancel", self._cancel)
        app.router.add_post("/executions/{id}/retry", self._retry)
        app.router.add_post("/datasets", self._import)
        app.router.add_get("/datasets/{id}/export", self._export)
        app.router.add_get("/{kind}", self._list)
        app.router.add_get("/{kind}/{id}", self._get)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._stopping.wait()
        await runner.cleanup()

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.path, dict(request.query), headers, body))
        if self.faults and request.path.startswith(self.faults[0][0]):
            return await self.faults.popleft()[1](request)
        if headers.get("authorization") == "Bearer revoked":
            return problem(401, "key_revoked", "This key was revoked.")
        return await handler(request)

    def _begin(self, request: web.Request, inputs: Any) -> Run:
        """The run of this idempotency key: a new one, or the one it started before."""
        key = request.headers["Idempotency-Key"]
        if key not in self.started:
            execution_id = f"exec_{len(self.runs):024x}"
            self.started[key] = execution_id
            run = Run(
                {"executionId": execution_id, "status": "running", "kind": "flow", "totalItems": 1, "progress": 0}
            )
            self.runs[execution_id] = run
            self._play(request.match_info["flow"], run, inputs)
            self.changed.set()
        return self.runs[self.started[key]]

    def _play(self, flow: str, run: Run, inputs: Any) -> None:
        run.results = inputs
        if flow in ("echo", "f1"):
            self._finish(run, "completed", {"results": inputs})
        elif flow == "partial":
            error = {
                "code": "model_error",
                "message": "the model [bold]broke[/bold]\x1b[31m",
                "node": "ask",
                "itemPath": "1",
            }
            run.items = [
                {"path": "0", "status": "succeeded", "output": {"label": "good"}},
                {"path": "1", "status": "failed", "error": error},
            ]
            run.results = [{"label": "good"}, None]
            counts = {"succeeded": 1, "failed": 1}
            self._finish(run, "completed", {"partial": True, "totalItems": 2, "counts": counts, "results": run.results})
        elif flow == "broken":
            self._finish(run, "failed", {"error": {"code": "code_raised", "message": "it broke", "node": "n1"}})

    def _finish(self, run: Run, status: str, fields: dict[str, Any]) -> None:
        run.body |= {"status": status, "progress": 100, **fields}
        run.over.set()

    async def _execute(self, request: web.Request) -> web.StreamResponse:
        run = self._begin(request, await request.json())
        if request.match_info["flow"] == "late":
            ended = {"executionId": run.body["executionId"], "executionStatus": "timeout"}
            return problem(504, "execution_timeout", "It ran into its deadline.", **ended)
        prefer = request.headers.get("Prefer", "")
        patience = float(prefer.removeprefix("wait=")) if prefer.startswith("wait=") else None
        try:
            await asyncio.wait_for(run.over.wait(), patience)
        except TimeoutError:
            return web.json_response(run.body, status=202)
        if run.body["status"] != "completed":
            members = {"executionId": run.body["executionId"], "executionStatus": run.body["status"]}
            return problem(500, "execution_failed", "It failed.", error=run.body.get("error"), **members)
        return web.json_response(run.results)

    async def _execute_async(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        return web.json_response(self._begin(request, body.get("inputs", body)).body, status=202)

    async def _look(self, request: web.Request) -> web.StreamResponse:
        run = self.runs.get(request.match_info["id"])
        if run is None:
            return problem(404, "execution_unknown", "There is no such execution.")
        try:
            await asyncio.wait_for(run.over.wait(), float(request.query.get("wait", 0)))
        except TimeoutError:
            pass
        return web.json_response(run.body)

    async def _list_runs(self, request: web.Request) -> web.StreamResponse:
        return self._page(request, [run.body for run in self.runs.values()])

    async def _events(self, request: web.Request) -> web.StreamResponse:
        run = self.runs[request.match_info["id"]]
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        await response.write(_event("snapshot", run.body))
        await response.write(_event("log", {"seq": 1, "node": "read", "message": "read succeeded", "itemPath": "0"}))
        await response.write(_event("log", {"seq": 2, "node": "read", "level": "error", "message": "read failed"}))
        await run.over.wait()
        for number, item in enumerate(run.items, 2):
            await response.write(_event("item", {"seq": number, **item}))
        await response.write(_event("done", run.body))
        return response

    async def _results(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self.runs[request.match_info["id"]].results)

    async def _items(self, request: web.Request) -> web.StreamResponse:
        wanted = request.query.get("status")
        items = self.runs[request.match_info["id"]].items
        return self._page(request, [item for item in items if wanted in (None, item["status"])])

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        run = self.runs[request.match_info["id"]]
        if run.over.is_set():
            return problem(409, "execution_over", "It is over already.")
        self._finish(run, "cancelled", {"progress": 50})
        receipt = {
            "requestedAt": "2026-11-21T20:00:00.000Z",
            "stoppedAt": "2026-11-21T20:00:00.120Z",
            "itemsFinished": 0,
            "itemsDropped": 1,
            "callsAborted": 1,
            "costAfterRequestUsd": "0.0000",
        }
        body = {"executionId": run.body["executionId"], "status": "cancelled", "receipt": receipt, "links": {}}
        return web.json_response(body)

    async def _retry(self, request: web.Request) -> web.StreamResponse:
        run = self.runs[request.match_info["id"]]
        run.over.clear()
        run.body |= {"status": "pending", "partial": False, "error": None, "counts": {"succeeded": 2}}
        self._loop.call_later(0.05, self._finish, run, "completed", {"results": ["good", "good"]})
        return web.json_response(run.body, status=202)

    async def _import(self, request: web.Request) -> web.StreamResponse:
        rows = (await request.text()).strip().splitlines()[1:]
        bad = [number for number, row in enumerate(rows, 2) if row.endswith("BAD")]
        if bad and request.query.get("onBad") == "refuse":
            faults = [{"path": f"line {number}", "message": "expected 1 field", "line": number} for number in bad]
            return problem(400, "bad_lines", "Nothing was loaded.", errors=faults)
        dataset = {"id": "d1", "name": request.query["name"], "rowCount": len(rows)}
        self.things.setdefault("datasets", {})["d1"] = dataset
        return web.json_response({"dataset": dataset, "rows": len(rows)}, status=201)

    async def _export(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"text\nhello\n" * 50_000)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return self._page(request, list(self.things.get(request.match_info["kind"], {}).values()))

    async def _get(self, request: web.Request) -> web.StreamResponse:
        kind, name = request.match_info["kind"], request.match_info["id"]
        for thing in self.things.get(kind, {}).values():
            if name in (thing["id"], thing["name"]):
                return web.json_response(thing)
        if kind == "flows" and name in ("slow", "partial", "broken"):
            return web.json_response({"id": name, "name": name, "version": 1, "document": {"input": {}}})
        return problem(404, f"{kind}_unknown", f"There is no {name!r} here.")

    def _page(self, request: web.Request, things: list[Any]) -> web.Response:
        """Two elements to a page, so that paging is always exercised."""
        begin = int(request.query.get("cursor", 0))
        following = begin + 2
        cursor = str(following) if following < len(things) else None
        return web.json_response({"data": things[begin:following], "nextCursor": cursor})


def _event(kind: str, body: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(body)}\n\n".encode()


async def cut(request: web.Request) -> web.StreamResponse:
    """Cut the connection without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def answer(status: int, **headers: str) -> Fault:
    """Answer with a status, as a proxy without a body of ours would."""

    async def fault(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text="<html>no</html>", headers=named)

    return fault


async def now(value: Any) -> Any:
    """What a call of either client returns."""
    return await value if inspect.isawaitable(value) else value


async def every(elements: Any) -> list[Any]:
    """What either client lists."""
    return list(elements) if isinstance(elements, Iterator) else [element async for element in elements]
