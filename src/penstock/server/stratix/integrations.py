"""`/organizations/{id}/integrations`: other systems of an organization."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from penstock.accounts.integrations import Integration as Kept
from penstock.clock import iso
from penstock.server.stratix.envelopes import bare, wrapped
from penstock.server.stratix.face import ORGANIZATION, Routes, StratixCall

routes = Routes()


class Integration(msgspec.Struct):
    """Another system; `status` says in a word what `active` says."""

    id: str
    organization_id: str
    project_id: str
    name: str
    type: str
    host_url: str
    active: bool
    status: str
    config: dict[str, Any]
    created_at: str
    created_by: str


@routes.get(ORGANIZATION + "/integrations", "integrations:read")
async def list_integrations(call: StratixCall) -> Response:
    """A list in `data`, as that service answers."""
    wanted = call.query.page()
    found = await call.engine.integrations.page(call.tenant, "", wanted.size, wanted.offset)
    return wrapped([_shown(one) for one in found])


@routes.get(ORGANIZATION + "/integrations/{integration_id}", "integrations:read")
async def get_integration(call: StratixCall) -> Response:
    return wrapped(_shown(await call.engine.integrations.get(call.tenant, call.id("integration_id"))))


@routes.post(ORGANIZATION + "/integrations/{integration_id}/test", "integrations:write")
async def test_integration(call: StratixCall) -> Response:
    """Whether it answers, asked just now."""
    reached = await call.engine.integrations.test(call.tenant, call.id("integration_id"))
    return bare({"success": reached.success, "message": reached.message})


def _shown(found: Kept) -> Integration:
    return Integration(
        id=found.id,
        organization_id=found.tenant.organization_id,
        project_id=found.tenant.project_id,
        name=found.name,
        type=found.type,
        host_url=found.host_url,
        active=found.active,
        status="active" if found.active else "inactive",
        config=dict(found.config),
        created_at=iso(found.created_at),
        created_by=found.created_by,
    )
