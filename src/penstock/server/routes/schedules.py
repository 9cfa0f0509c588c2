"""`/schedules`: flows, and judges of new traces, that are started by the clock."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.clock import iso, parse_iso
from penstock.errors import FieldError, Invalid
from penstock.flows.requests import RunWork
from penstock.judges.bodies import JudgingBody
from penstock.schedules.cron import MAX_CRON_LENGTH
from penstock.schedules.service import MAX_CATCH_UP_SECONDS, MAX_NAME_LENGTH, ScheduleChange
from penstock.schedules.work import judging_of
from penstock.server.answers import answer, maybe_iso, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, page_of, path_id, ref
from penstock.server.execution_schemas import Handle
from penstock.server.idempotency import KEY, idempotency
from penstock.server.outcomes import outcome
from penstock.storage.firings import FiringRecord
from penstock.storage.schedules import Missed, Overlap, ScheduleRecord

router = APIRouter(tags=["schedules"])
Reads = Annotated[Call, needs("schedules:read")]
Writes = Annotated[Call, needs("schedules:write")]
Name = Annotated[str, path_id("schedule")]

RUNS = "executions:run"
JUDGES = "judges:run"
"""Whoever decides what a schedule runs must be allowed to run it."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class SchedulePatch(_Body):
    """What is to be different; the rest stays as it is."""

    name: str | None = Field(None, min_length=1, max_length=MAX_NAME_LENGTH)
    flow: str | None = Field(None, min_length=1, max_length=300, description="Id or name.")
    run: RunWork | None = Field(None, description="What to run, as `POST /flows/{flow}/executions` takes it.")
    judging: JudgingBody | None = Field(
        None, description="In the place of a flow: who is to judge the traces that have come since the last time."
    )
    cron: str | None = Field(
        None, min_length=1, max_length=MAX_CRON_LENGTH, description="Five fields, six with seconds first, or `@daily`."
    )
    timezone: str | None = Field(None, min_length=1, max_length=100, description="An IANA name; UTC by default.")
    overlap: Overlap | None = Field(
        None, description="When an earlier firing is not over: `skip` (by default), `queue` or `parallel`."
    )
    missed: Missed | None = Field(
        None, description="Of due times that passed while nothing ran, fire none (`skip`), one (by default) or all."
    )
    catch_up_seconds: int | None = Field(
        None, ge=60, le=MAX_CATCH_UP_SECONDS, description="How far back missed due times are looked for; a day."
    )
    enabled: bool | None = None


class ScheduleBody(SchedulePatch):
    """A new schedule, of a `flow` or of judges (`judging`)."""

    name: str = Field(min_length=1, max_length=MAX_NAME_LENGTH)
    cron: str = Field(
        min_length=1, max_length=MAX_CRON_LENGTH, description="Five fields, six with seconds first, or `@daily`."
    )


class PreviewBody(_Body):
    """A cron expression to try."""

    cron: str = Field(min_length=1, max_length=MAX_CRON_LENGTH)
    timezone: str = Field("UTC", min_length=1, max_length=100)
    count: int = Field(5, ge=1, le=50)


class Schedule(msgspec.Struct, rename="camel"):
    """A schedule. `nextAt` is null while it is disabled, `flow` when the flow is gone. One of judges has `judging`, and
    no flow."""

    id: str
    name: str
    flow_id: str
    flow: str | None
    run: dict[str, Any]
    judging: dict[str, Any] | None
    cron: str
    timezone: str
    overlap: Overlap
    missed: Missed
    catch_up_seconds: int
    enabled: bool
    next_at: str | None
    last_fired_at: str | None
    created_at: str
    updated_at: str


class FiringReason(msgspec.Struct):
    """Why a due time did not start an execution."""

    code: str
    message: str


class Firing(msgspec.Struct, rename="camel"):
    """What came of one due time. `claimed`: it is about to be started."""

    due_at: str
    trigger: Literal["clock", "manual"]
    outcome: Literal["claimed", "queued", "started", "skipped", "missed", "failed"]
    execution_id: str | None
    reason: FiringReason | None
    decided_at: str | None


class DueTime(msgspec.Struct):
    """A due time in UTC, and as the zone's clock shows it."""

    at: str
    local: str


class Preview(msgspec.Struct, rename="camel"):
    """The next due times."""

    due: list[DueTime]


SCHEMAS = (ScheduleBody, SchedulePatch, PreviewBody, Schedule, Firing, FiringReason, DueTime, Preview)


@router.post(
    "/schedules",
    **doc(
        "Make a schedule", status=201, body=ref(ScheduleBody), returns=ref(Schedule), problems=(400, 404, 409, 413, 422)
    ),
)
async def create_schedule(call: Writes) -> Response:
    """Its first due time is the next one from now. What it runs is checked as if it ran now."""
    call.principal.require(RUNS)
    body = await call.body(ScheduleBody)
    if (body.flow is None) == (body.judging is None):
        detail = "Give exactly one of flow and judging."
        raise Invalid("body_invalid", detail, errors=(FieldError("flow", detail),))
    wanted = await _change(call, body)
    schedule = await call.engine.schedules.create(call.tenant, wanted, call.principal.key_id)
    return answer(_shown(schedule), 201, {"Location": call.path(f"/schedules/{schedule.id}")})


@router.post(
    "/schedules/preview",
    **doc("Try a cron expression", body=ref(PreviewBody), returns=ref(Preview), problems=(400,)),
)
async def preview_schedule(call: Reads) -> Response:
    """The next times when it would be due; nothing is made."""
    body = await call.body(PreviewBody)
    found = await call.engine.schedules.preview(body.cron, body.timezone, body.count)
    return answer(Preview([DueTime(iso(at), local) for at, local in found]))


@router.get("/schedules", **doc("List schedules", returns=page_of(Schedule)))
async def list_schedules(call: Reads, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """In the order of their names."""
    found = await call.engine.schedules.page(call.tenant, after_name=cursor or "", limit=limit + 1)
    following = found[limit - 1].name if len(found) > limit else None
    return page([_shown(schedule) for schedule in found[:limit]], following)


@router.get("/schedules/{schedule}", **doc("Get a schedule", returns=ref(Schedule), problems=(404,)))
async def get_schedule(call: Reads, schedule: Name) -> Response:
    """By its id or its name."""
    return answer(_shown(await call.engine.schedules.get(call.tenant, schedule)))


@router.patch(
    "/schedules/{schedule}",
    **doc("Change a schedule", body=ref(SchedulePatch), returns=ref(Schedule), problems=(400, 404, 409, 413, 422)),
)
async def update_schedule(call: Writes, schedule: Name) -> Response:
    """Only what is sent. `enabled: false` stops it; what passes until it is enabled again is not missed."""
    await _startable(call, schedule)
    wanted = await _change(call, await call.body(SchedulePatch))
    changed = await call.engine.schedules.update(call.tenant, schedule, wanted, call.principal.key_id)
    return answer(_shown(changed))


@router.delete("/schedules/{schedule}", **doc("Delete a schedule", status=204, problems=(404,)))
async def delete_schedule(call: Writes, schedule: Name) -> Response:
    """With the record of its firings. Executions that it started are kept, and go on."""
    await call.engine.schedules.delete(call.tenant, schedule)
    return nothing()


@router.post(
    "/schedules/{schedule}/run",
    **doc(
        "Run a schedule now",
        status=202,
        returns=ref(Handle),
        problems=(400, 402, 404, 409, 422, 429),
        extra={"parameters": [KEY]},
    ),
)
async def run_schedule(call: Writes, schedule: Name) -> Response:
    """Once more, beside its due times: whatever its overlap policy says, and also while it is disabled."""
    found = await _startable(call, schedule)
    key, digest = idempotency(call, "schedule", found.id)
    submitted = await call.engine.schedules.run(found, key=key, request_hash=digest, asked_by=call.principal.key_id)
    return await outcome(call, submitted, 0)


@router.get(
    "/schedules/{schedule}/firings",
    **doc("List what came of due times", returns=page_of(Firing), problems=(400, 404)),
)
async def list_firings(
    call: Reads,
    schedule: Name,
    cursor: Annotated[str | None, Query(max_length=40, description="`nextCursor` of the page before.")] = None,
    limit: Limit = 50,
) -> Response:
    """Newest first. The last thousand of each schedule are kept."""
    before = 2**62 if cursor is None else _moment(cursor)
    found = await call.engine.schedules.firings(call.tenant, schedule, before=before, limit=limit + 1)
    following = iso(found[limit - 1].due_at) if len(found) > limit else None
    return page([_shown_firing(firing) for firing in found[:limit]], following)


async def _startable(call: Call, schedule: str) -> ScheduleRecord:
    """A schedule, for a caller who may start by hand what it starts."""
    call.principal.require(RUNS)
    found = await call.engine.schedules.get(call.tenant, schedule)
    if judging_of(found.run):
        call.principal.require(JUDGES)
    return found


async def _change(call: Call, body: SchedulePatch) -> ScheduleChange:
    if body.run is not None and body.run.webhook is not None:
        await call.engine.webhooks.check_url(body.run.webhook, "run.webhook")
    run: Any = None if body.run is None else body.run.model_dump(mode="json", by_alias=True, exclude_unset=True)
    judging: Any = None
    if body.judging is not None:
        call.principal.require(JUDGES)
        judging = body.judging.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return ScheduleChange(
        name=body.name,
        flow=body.flow,
        run=run,
        judging=judging,
        cron=body.cron,
        timezone=body.timezone,
        overlap=body.overlap,
        missed=body.missed,
        catch_up_seconds=body.catch_up_seconds,
        enabled=body.enabled,
    )


def _moment(cursor: str) -> int:
    try:
        return parse_iso(cursor)
    except (ValueError, OverflowError):
        detail = "This cursor was not made here; take nextCursor of the page before."
        raise Invalid("cursor_invalid", detail, errors=(FieldError("cursor", detail),)) from None


def _shown(schedule: ScheduleRecord) -> Schedule:
    return Schedule(
        id=schedule.id,
        name=schedule.name,
        flow_id=schedule.flow_id,
        flow=schedule.flow_name,
        run={} if judging_of(schedule.run) else dict(schedule.run),
        judging=judging_of(schedule.run),
        cron=schedule.cron,
        timezone=schedule.timezone,
        overlap=schedule.overlap,
        missed=schedule.missed,
        catch_up_seconds=schedule.catch_up_seconds,
        enabled=schedule.enabled,
        next_at=maybe_iso(schedule.next_at),
        last_fired_at=maybe_iso(schedule.last_fired_at),
        created_at=iso(schedule.created_at),
        updated_at=iso(schedule.updated_at),
    )


def _shown_firing(firing: FiringRecord) -> Firing:
    reason: Any = firing.reason
    return Firing(
        due_at=iso(firing.due_at),
        trigger=firing.trigger,
        outcome=firing.outcome or "claimed",
        execution_id=firing.execution_id,
        reason=None if reason is None else FiringReason(reason["code"], reason["message"]),
        decided_at=maybe_iso(firing.decided_at),
    )
