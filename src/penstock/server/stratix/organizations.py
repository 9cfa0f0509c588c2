"""`/organizations`: where a client finds out whose its key is."""

from __future__ import annotations

import msgspec
from starlette.responses import Response

from penstock.server.stratix.envelopes import wrapped
from penstock.server.stratix.face import Routes, StratixCall
from penstock.storage.accounts import names_of

routes = Routes()


class Project(msgspec.Struct):
    """A project of an organization."""

    id: str
    name: str


class Organization(msgspec.Struct):
    """An organization with the project of the caller's key: clients take the first one they find."""

    id: str
    name: str
    projects: list[Project]


@routes.get("/organizations", None)
async def list_organizations(call: StratixCall) -> Response:
    """One object for who comes with an API key, a list for who comes with a bearer token."""
    names = await call.engine.store.read(names_of(call.tenant))
    found = Organization(
        call.tenant.organization_id, names["organization"], [Project(call.tenant.project_id, names["project"])]
    )
    return wrapped([found] if call.bearer else found)
