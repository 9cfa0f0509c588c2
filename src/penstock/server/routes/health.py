"""`/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import ipaddress

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from penstock.errors import Unavailable
from penstock.server import metrics
from penstock.server.answers import answer
from penstock.server.auth import Running, presented_key
from penstock.server.describe import TEXT, content, doc
from penstock.storage.store import rows_of

router = APIRouter(tags=["health"])
_STATE = {"type": "object", "required": ["status"], "properties": {"status": {"type": "string"}}}


@router.get("/healthz", **doc("Is the process up?", returns=_STATE))
async def health() -> Response:
    """Answers whenever the process can answer at all. No key is needed."""
    return answer({"status": "ok"})


@router.get("/readyz", **doc("Can work be accepted?", returns=_STATE, problems=(503,)))
async def ready(request: Request) -> Response:
    """503 while the store does not answer or takes nothing, or the server is stopping. No key is needed."""
    running: Running = request.app.state.running
    if running.stopping.is_set():
        raise Unavailable("stopping", "This server is shutting down.", retry_after_seconds=5)
    await running.engine.store.read(rows_of("select 1 as one"))
    trouble = running.engine.journal.trouble
    if trouble is not None:
        raise Unavailable("store_not_writable", trouble, retry_after_seconds=5)
    return answer({"status": "ready"})


@router.get(
    "/metrics",
    **doc(
        "Metrics of the process",
        responses={200: {"description": "Prometheus exposition format", **content({"text/plain": TEXT})}},
        problems=(401, 403),
    ),
)
async def show_metrics(request: Request) -> Response:
    """For Prometheus.

    A caller on this machine needs no key; any other needs one with the scope `metrics:read`, and so does one that a
    proxy on this machine speaks for.
    """
    running: Running = request.app.state.running
    if not _is_local(request):
        principal = await running.accounts.authenticate(presented_key(request.headers))
        principal.require("metrics:read")
    executions = await running.census.counts(running.engine.store)
    return Response(running.metrics.text(executions), media_type=metrics.CONTENT_TYPE)


def _is_local(request: Request) -> bool:
    if request.client is None or "forwarded" in request.headers or "x-forwarded-for" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
