"""`/limits`: what the key's project may have, and how that is changed."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.accounts.limits import LARGEST, WEIGHTS
from penstock.queue.limits import TenantLimits
from penstock.retention.policy import LONGEST_DAYS
from penstock.server.answers import answer
from penstock.server.auth import Call, needs
from penstock.server.describe import doc, ref
from penstock.settings import Limits as ProcessLimits

router = APIRouter(tags=["limits"])
Reader = Annotated[Call, needs("limits:read")]
Writer = Annotated[Call, needs("limits:write")]


def _most(description: str) -> int | None:
    field: int | None = Field(None, ge=1, le=LARGEST, description=description)
    return field


class LimitsBody(BaseModel):
    """All limits of a project; what is left out or null is the process's own."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    weight: float = Field(1.0, ge=WEIGHTS[0], le=WEIGHTS[1], description="Its share beside others that wait too.")
    max_queued_executions: int | None = _most("Executions that are not over; one more is refused with 429.")
    max_running_executions: int | None = _most("Executions at once; the others wait.")
    max_items_in_flight: int | None = _most("Items of all its executions at once; the others wait.")
    requests_per_minute: int | None = _most("Requests by all keys that have no limit of their own; 429 above.")
    retention_days: int | None = Field(
        None, ge=0, le=LONGEST_DAYS, description="Days that executions are kept after their end; 0: for ever."
    )


class Limits(msgspec.Struct, rename="camel", kw_only=True):
    """What a project may have; null: as much as the process allows. `effective` is what holds then."""

    weight: float
    max_queued_executions: int | None
    max_running_executions: int | None
    max_items_in_flight: int | None
    requests_per_minute: int | None
    retention_days: int | None
    effective: Effective


class Effective(msgspec.Struct, rename="camel", kw_only=True):
    """The limits that hold: the project's, or the process's where it has none. Null is no limit."""

    max_queued_executions: int
    max_running_executions: int
    max_items_in_flight: int
    requests_per_minute: int | None
    retention_days: int


SCHEMAS = (LimitsBody, Limits, Effective)


@router.get("/limits", **doc("Show the project's limits", returns=ref(Limits), problems=(401, 403)))
async def get_limits(call: Reader) -> Response:
    """What executions and requests of this project are held to, and its weight beside other projects."""
    return answer(_shown(await call.engine.limits.of(call.tenant.project_id), call.running.settings.limits))


@router.put(
    "/limits",
    **doc("Set the project's limits", body=ref(LimitsBody), returns=ref(Limits), problems=(400, 401, 403)),
)
async def put_limits(call: Writer) -> Response:
    """Replaces them all: what is left out is the process's own again. Holds at once, in other processes within 5 s."""
    body = await call.body(LimitsBody)
    limits = await call.engine.limits.change(call.tenant, TenantLimits(**body.model_dump()))
    return answer(_shown(limits, call.running.settings.limits))


def _shown(limits: TenantLimits, process: ProcessLimits) -> Limits:
    effective = Effective(
        max_queued_executions=_least(limits.max_queued_executions, process.max_queued_executions),
        max_running_executions=_least(limits.max_running_executions, process.max_running_executions),
        max_items_in_flight=_least(limits.max_items_in_flight, process.max_items_in_flight),
        requests_per_minute=limits.requests_per_minute or process.requests_per_minute or None,
        retention_days=process.retention_days if limits.retention_days is None else limits.retention_days,
    )
    return Limits(**msgspec.structs.asdict(limits), effective=effective)


def _least(own: int | None, process: int) -> int:
    return process if own is None else min(own, process)
