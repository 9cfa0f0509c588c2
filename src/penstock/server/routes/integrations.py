"""`/integrations`: other systems that the organization works with."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.accounts import integrations as kept
from penstock.clock import iso
from penstock.errors import Invalid
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, page_of, path_id, ref

router = APIRouter(tags=["integrations"])
Reads = Annotated[Call, needs("integrations:read")]
Writes = Annotated[Call, needs("integrations:write")]
Name = Annotated[str, path_id("integration")]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True)


class IntegrationBody(_Body):
    """Another system. `secret` is the name of a saved secret, sent as a bearer token when it is tested."""

    name: str = Field(min_length=1, max_length=200)
    type: str = Field(min_length=1, max_length=100, description="What it is, such as `langfuse`.")
    host_url: str = Field(min_length=1, max_length=2048)
    secret: str | None = Field(None, min_length=1, max_length=120)
    config: dict[str, Any] = Field(default_factory=dict, description="Kept as it is, and shown: no place for secrets.")


class IntegrationPatch(_Body):
    """Whether it is in use."""

    active: bool


class Integration(msgspec.Struct, rename="camel"):
    """Another system. `secret` is the name of the secret that it is tested with."""

    id: str
    name: str
    type: str
    host_url: str
    secret: str | None
    config: dict[str, Any]
    active: bool
    project_id: str
    created_at: str


class Reached(msgspec.Struct):
    """Whether it answered with a status below 400, and what there is to say about it."""

    success: bool
    message: str


SCHEMAS = (IntegrationBody, IntegrationPatch, Integration, Reached)


@router.post(
    "/integrations",
    **doc(
        "Record an integration",
        body=ref(IntegrationBody),
        returns=ref(Integration),
        status=201,
        problems=(400, 401, 403, 409),
    ),
)
async def create_integration(call: Writes) -> Response:
    """Seen by every project of the organization; its secret stays with this one."""
    body = await call.body(IntegrationBody)
    await _check_host(call, body.host_url)
    wanted = kept.NewIntegration(body.name, body.type, body.host_url, body.secret, body.config)
    return answer(_shown(await call.engine.integrations.create(call.tenant, wanted, call.principal.name)), 201)


@router.get("/integrations", **doc("List integrations", returns=page_of(Integration)))
async def list_integrations(call: Reads, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Those of the organization, in the order of their names."""
    found = await call.engine.integrations.page(call.tenant, cursor or "", limit + 1)
    following = found[limit - 1].name if len(found) > limit else None
    return page([_shown(one) for one in found[:limit]], following)


@router.get("/integrations/{integration}", **doc("Get an integration", returns=ref(Integration), problems=(404,)))
async def get_integration(call: Reads, integration: Name) -> Response:
    """By its id or its name."""
    return answer(_shown(await call.engine.integrations.get(call.tenant, integration)))


@router.patch(
    "/integrations/{integration}",
    **doc("Switch an integration on or off", body=ref(IntegrationPatch), returns=ref(Integration), problems=(400, 404)),
)
async def update_integration(call: Writes, integration: Name) -> Response:
    """Only a note for people and programs: nothing is stopped by it."""
    body = await call.body(IntegrationPatch)
    return answer(_shown(await call.engine.integrations.switch(call.tenant, integration, body.active)))


@router.delete("/integrations/{integration}", **doc("Delete an integration", status=204, problems=(404,)))
async def delete_integration(call: Writes, integration: Name) -> Response:
    """The record alone; the secret stays."""
    await call.engine.integrations.delete(call.tenant, integration)
    return nothing()


@router.post("/integrations/{integration}/test", **doc("Test an integration", returns=ref(Reached), problems=(404,)))
async def test_integration(call: Writes, integration: Name) -> Response:
    """Ask its host once, as any outgoing request is made: guarded, within ten seconds."""
    reached = await call.engine.integrations.test(call.tenant, integration)
    return answer(Reached(reached.success, reached.message))


async def _check_host(call: Call, url: str) -> None:
    """What may be a webhook may be a host. Raises `Invalid` with the reason why it may not."""
    try:
        await call.engine.webhooks.check_url(url, "hostUrl")
    except Invalid as refused:
        raise Invalid("host_url_invalid", f"hostUrl: {refused.errors[0].message}.", errors=refused.errors) from None


def _shown(found: kept.Integration) -> Integration:
    return Integration(
        id=found.id,
        name=found.name,
        type=found.type,
        host_url=found.host_url,
        secret=found.secret_name,
        config=dict(found.config),
        active=found.active,
        project_id=found.tenant.project_id,
        created_at=iso(found.created_at),
    )
