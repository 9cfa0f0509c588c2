"""`/retention`: how long the key's project keeps executions that are over."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.retention.policy import LONGEST_DAYS, MAX_KINDS, RetentionPolicy
from penstock.server.answers import answer
from penstock.server.auth import Call, needs
from penstock.server.describe import doc, ref

router = APIRouter(tags=["limits"])
Reader = Annotated[Call, needs("limits:read")]
Writer = Annotated[Call, needs("limits:write")]
Days = Annotated[int, Field(ge=0, le=LONGEST_DAYS)]
Kind = Annotated[str, Field(pattern="^[a-z][a-z0-9_-]{0,49}$")]


class RetentionBody(BaseModel):
    """Days that executions are kept after their end; 0: for ever. What is left out is the server's own."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    days: Days | None = Field(None, description="For every kind that `byKind` does not name.")
    by_kind: dict[Kind, Days] = Field(default={}, max_length=MAX_KINDS, description='Such as `{"flow": 30}`.')


class Retention(msgspec.Struct, rename="camel", kw_only=True):
    """Days that executions are kept after their end; 0: for ever. `default` holds where `days` is null."""

    days: int | None
    by_kind: dict[str, int]
    default: int


SCHEMAS = (RetentionBody, Retention)


@router.get("/retention", **doc("Show how long executions are kept", returns=ref(Retention), problems=(401, 403)))
async def get_retention(call: Reader) -> Response:
    """What is over longer than that is deleted within the hour, with its items, logs and events."""
    return await _shown(call)


@router.put(
    "/retention",
    **doc(
        "Set how long executions are kept", body=ref(RetentionBody), returns=ref(Retention), problems=(400, 401, 403)
    ),
)
async def put_retention(call: Writer) -> Response:
    """Replaces both. What is older than a shorter time goes within the hour, for good."""
    body = await call.body(RetentionBody)
    await call.engine.retention.change(call.tenant, RetentionPolicy(body.days, body.by_kind))
    return await _shown(call)


async def _shown(call: Call) -> Response:
    policy = await call.engine.retention.of(call.tenant)
    default = call.running.settings.limits.retention_days
    return answer(Retention(days=policy.days, by_kind=dict(policy.by_kind), default=default))
