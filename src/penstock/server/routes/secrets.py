"""`/secrets`: written, named, deleted; never read back."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from penstock.accounts.secrets import SecretInfo
from penstock.clock import iso
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, page_of, path_id, ref

router = APIRouter(tags=["secrets"])
Writes = Annotated[Call, needs("secrets:write")]
Name = Annotated[str, path_id("name")]


class SecretBody(BaseModel):
    """The value of a secret."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    value: str = Field(min_length=1, description="At most 64 KB.")


class Secret(msgspec.Struct, rename="camel"):
    """What may be known of a secret."""

    name: str
    created_at: str
    updated_at: str


SCHEMAS = (SecretBody, Secret)


@router.put("/secrets/{name}", **doc("Put a secret", body=ref(SecretBody), returns=ref(Secret), problems=(400,)))
async def put_secret(call: Writes, name: Name) -> Response:
    """Kept encrypted, in the place of one that has this name."""
    body = await call.body(SecretBody)
    return answer(_shown(await call.engine.secrets.put(call.tenant, name, body.value)))


@router.get("/secrets", **doc("List secrets", returns=page_of(Secret)))
async def list_secrets(call: Writes, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Names and dates, in the order of the names."""
    found = await call.engine.secrets.list(call.tenant, after_name=cursor or "", limit=limit + 1)
    following = found[limit - 1].name if len(found) > limit else None
    return page([_shown(secret) for secret in found[:limit]], following)


@router.delete("/secrets/{name}", **doc("Delete a secret", status=204, problems=(404,)))
async def delete_secret(call: Writes, name: Name) -> Response:
    """Steps that use it fail from now on, and say so."""
    await call.engine.secrets.delete(call.tenant, name)
    return nothing()


def _shown(secret: SecretInfo) -> Secret:
    return Secret(secret.name, iso(secret.created_at), iso(secret.updated_at))
