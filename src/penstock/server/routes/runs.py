"""Running a flow: `execute`, `execute-async`, and the full form `executions`. All three start the same execution."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from penstock.errors import TooLarge
from penstock.executions.model import Submitted
from penstock.flows.library import SavedFlow
from penstock.flows.requests import RunWork
from penstock.flows.service import RunRequest
from penstock.queue.local import Lane
from penstock.server.auth import Call, needs
from penstock.server.bodies import JSON, NDJSON, expect_type, read_lines, validated
from penstock.server.describe import OBJECT, TEXT, Schema, content, doc, header, path_id, ref
from penstock.server.execution_schemas import Handle
from penstock.server.idempotency import KEY, idempotency
from penstock.server.outcomes import outcome
from penstock.server.preferences import Preferences, parse_prefer
from penstock.server.webhook_urls import WEBHOOK, given_header, taken_from, webhook_url
from penstock.settings import Limits

router = APIRouter(tags=["runs"])
Runs = Annotated[Call, needs("executions:run")]
Named = Annotated[str, path_id("flow")]

_GRACE_SECONDS = 5.0


class RunBody(RunWork):
    """A run over many inputs, or over the rows of a data set. What is left out takes the flow's own settings."""

    mode: Literal["sync", "async"] = "async"
    wait: float | None = Field(None, ge=0, le=3600, description="Seconds to wait for the end.")


SCHEMAS = (RunBody,)

_PREFER = header("Prefer", "`wait=N`: a handle after N seconds at most; `respond-async`: a handle at once (RFC 7240).")
_HEADERS = {
    name: {"description": text, "schema": TEXT}
    for name, text in {
        "Execution-Id": "Of the execution that was started, or attached to.",
        "Location": "Where its progress is.",
        "Server-Timing": "How long it waited and ran, in milliseconds.",
        "Execution-Partial": "`true` when some items failed.",
        "Preference-Applied": "What of `Prefer` was followed.",
        "Idempotent-Replayed": "`true` when the key had started this execution before.",
    }.items()
}
_INPUT = {"requestBody": {"required": True, **content({JSON: {**OBJECT, "description": "The flow's input fields."}})}}
_DONE: Schema = {"description": "The results themselves", "headers": _HEADERS, **content({JSON: {}})}
_HANDED_OVER: Schema = {"description": "It goes on", "headers": _HEADERS, **content({JSON: ref(Handle)})}
_REFUSALS = (400, 402, 404, 409, 413, 415, 422, 429)


@router.post(
    "/flows/{flow}/execute",
    **doc(
        "Run a flow and wait",
        responses={200: _DONE, 202: _HANDED_OVER},
        problems=(*_REFUSALS, 500, 503, 504),
        extra={**_INPUT, "parameters": [_PREFER, KEY, WEBHOOK]},
    ),
)
async def execute(call: Runs, flow: Named) -> Response:
    """The answer is the results; items that failed do not change that, `Execution-Partial` tells of them.

    With `Prefer`, a run that takes longer is handed over: 202 with its handle, and it goes on. Without, it ends as
    `timeout` after 300 s (504). When the client goes away it goes on; the same `Idempotency-Key` attaches to it again.
    """
    preferences = _preferences(call)
    saved = await call.engine.library.saved(call.tenant, flow)
    body = await call.object()
    patience, deadline = _patience(preferences, saved, call.running.settings.limits)
    lane: Lane = "interactive" if patience > 0 else "batch"
    request = RunRequest(inputs=[body], single=True, lane=lane, deadline_seconds=deadline)
    submitted = await _start(call, saved, request, body)
    return await outcome(call, submitted, patience, _applied(preferences))


@router.post(
    "/flows/{flow}/execute-async",
    **doc(
        "Run a flow in the background",
        status=202,
        responses={202: _HANDED_OVER},
        problems=_REFUSALS,
        extra={**_INPUT, "parameters": [KEY, WEBHOOK]},
    ),
)
async def execute_async(call: Runs, flow: Named) -> Response:
    """The answer is the handle, at once."""
    return await outcome(call, await start_async(call, flow), 0)


@router.post(
    "/flows/{flow}/executions",
    **doc(
        "Run a flow over many inputs",
        responses={200: _DONE, 202: _HANDED_OVER},
        problems=(*_REFUSALS, 500, 503, 504),
        extra={
            "requestBody": {"required": True, **content({JSON: ref(RunBody), NDJSON: OBJECT})},
            "parameters": [_PREFER, KEY, WEBHOOK],
        },
    ),
)
async def run(call: Runs, flow: Named) -> Response:
    """Inputs in the body, or the rows of a data set. NDJSON is a list of inputs, one per line.

    Answers with the handle, unless `mode` is `sync` or there is something to `wait` for.
    """
    preferences = _preferences(call)
    found = await call.engine.library.get(call.tenant, flow)
    body, payload = await _run_body(call)
    asked = body.request()
    saved = await call.engine.library.saved(call.tenant, found.id, body.version)
    if body.wait is not None:
        preferences = Preferences(wait_seconds=body.wait)
    elif body.mode == "async" and preferences.wait_seconds is None:
        preferences = Preferences(respond_async=True)
    patience, deadline = _patience(preferences, saved, call.running.settings.limits)
    request = replace(
        asked, lane="interactive" if patience > 0 else "batch", deadline_seconds=asked.deadline_seconds or deadline
    )
    submitted = await _start(call, saved, request, payload)
    return await outcome(call, submitted, patience, _applied(_preferences(call)))


async def start_async(call: Call, flow: str) -> Submitted:
    """Start a run in the background on the one input that is the body."""
    saved = await call.engine.library.saved(call.tenant, flow)
    body = await call.object()
    inputs, webhook = taken_from(body, saved.graph.document.input)
    return await _start(call, saved, RunRequest(inputs=[inputs], single=True, webhook_url=webhook), body)


async def _start(call: Call, saved: SavedFlow, request: RunRequest, payload: Any) -> Submitted:
    key, digest = idempotency(call, saved.record.id, payload, *given_header(call))
    url = await webhook_url(call, request.webhook_url)
    keyed = replace(
        request, webhook_url=url, idempotency_key=key, request_hash=digest, created_by=call.principal.key_id
    )
    return await call.engine.flows.start(call.tenant, saved.record.id, keyed)


def _preferences(call: Call) -> Preferences:
    return parse_prefer(call.request.headers.getlist("prefer"))


def _applied(preferences: Preferences) -> dict[str, str]:
    applied = preferences.applied
    return {} if applied is None else {"Preference-Applied": applied}


def _patience(preferences: Preferences, saved: SavedFlow, limits: Limits) -> tuple[float, float | None]:
    """How long to wait, and the deadline of the execution in seconds; None leaves that to the flow.

    A caller who does not say how to be answered otherwise has no use for a run that outlasts the wait.
    """
    patience = preferences.patience_seconds
    if patience is not None:
        return min(patience, limits.sync_deadline_seconds), None
    own = saved.graph.document.settings.deadline_seconds or limits.sync_deadline_seconds
    return limits.sync_deadline_seconds + _GRACE_SECONDS, min(own, limits.sync_deadline_seconds)


async def _run_body(call: Call) -> tuple[RunBody, Any]:
    """The body, and what of it decides whether two requests are the same."""
    limits = call.running.settings.limits
    if expect_type(call.request, (JSON, NDJSON)) == NDJSON:
        inputs: list[Any] = []
        lines = read_lines(call.request, limits.max_body_bytes, limits.max_body_bytes, limits.max_input_depth)
        async for value in lines:
            inputs.append(value)
            if len(inputs) > limits.max_inline_items:
                detail = f"More than {limits.max_inline_items:,} inputs in one request. Use a data set."
                raise TooLarge("too_many_inputs", detail)
        return validated(RunBody, {"inputs": inputs}), inputs
    payload = await call.object()
    return validated(RunBody, payload), payload
