"""`/whoami`: whose the key is, and what it may do."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from penstock.accounts.organizations import names_of
from penstock.accounts.scopes import SCOPES, allows
from penstock.server.answers import answer
from penstock.server.auth import Call, any_key
from penstock.server.describe import doc, ref

router = APIRouter(tags=["keys"])


class Named(msgspec.Struct):
    """An organization or a project."""

    id: str
    name: str


class OwnKey(msgspec.Struct):
    """The key of this request. `scopes` are all that it may do, each by itself, also of an `admin` key."""

    id: str
    name: str
    scopes: list[str]


class Whoami(msgspec.Struct):
    """Whose the key is, and the version of the server."""

    organization: Named
    project: Named
    key: OwnKey
    version: str


SCHEMAS = (Whoami,)


@router.get("/whoami", **doc("Whose key is this?", returns=ref(Whoami), problems=(401,)))
async def whoami(call: Annotated[Call, any_key()]) -> Response:
    """Every key may ask this."""
    organization, project = await names_of(call.engine.store, call.tenant)
    principal = call.principal
    shown = Whoami(
        Named(call.tenant.organization_id, organization),
        Named(call.tenant.project_id, project),
        OwnKey(principal.key_id, principal.name, [scope for scope in SCOPES if allows(principal.scopes, scope)]),
        version("penstock"),
    )
    return answer(shown, headers={"Cache-Control": "no-store"})
