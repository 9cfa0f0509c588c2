"""`/keys`: create, list, revoke."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.accounts.keys import KeyInfo
from penstock.accounts.limits import LARGEST
from penstock.clock import iso
from penstock.server.answers import answer, maybe_iso, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, page_of, path_id, ref

router = APIRouter(tags=["keys"])
Admin = Annotated[Call, needs("keys:admin")]


class KeyBody(BaseModel):
    """A key to create."""

    model_config = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)

    name: str = Field(min_length=1, max_length=200, description="What the key is for, for people.")
    scopes: list[str] = Field(min_length=1, max_length=50, description="What it may do; `admin` is everything.")
    expires_at: Annotated[AwareDatetime, Field(strict=False)] | None = Field(
        None, description="When it stops working; ISO 8601 with a zone. Never, when left out."
    )
    requests_per_minute: int | None = Field(
        None, ge=1, le=LARGEST, description="How many requests it may make; when left out, it shares its project's."
    )


class Key(msgspec.Struct, rename="camel", kw_only=True):
    """A key as it is shown: everything but the key itself."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    requests_per_minute: int | None


class NewKey(Key, rename="camel", kw_only=True):
    """A key that has just been made. `key` is shown this once."""

    key: str


SCHEMAS = (KeyBody, Key, NewKey)


@router.post(
    "/keys",
    **doc("Create a key", body=ref(KeyBody), returns=ref(NewKey), status=201, problems=(400, 401, 403)),
)
async def create_key(call: Admin) -> Response:
    """The answer shows the key, once. A key can grant only scopes that it holds itself."""
    body = await call.body(KeyBody)
    for scope in body.scopes:
        call.principal.require(scope)
    expires_at = None if body.expires_at is None else int(body.expires_at.timestamp() * 1000)
    made = await call.running.accounts.create(
        call.tenant,
        body.name,
        tuple(body.scopes),
        expires_at=expires_at,
        requests_per_minute=body.requests_per_minute,
    )
    shown = NewKey(**msgspec.structs.asdict(_shown(made.info)), key=made.key)
    return answer(shown, 201, {"Cache-Control": "no-store"})


@router.get("/keys", **doc("List keys", returns=page_of(Key), problems=(401, 403)))
async def list_keys(call: Admin, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Newest first, the revoked ones too."""
    found = await call.running.accounts.list(call.tenant, cursor, limit + 1)
    following = found[limit - 1].id if len(found) > limit else None
    return page([_shown(info) for info in found[:limit]], following)


@router.delete("/keys/{keyId}", **doc("Revoke a key", returns=ref(Key), problems=(401, 403, 404)))
async def revoke_key(call: Admin, key_id: Annotated[str, path_id("keyId")]) -> Response:
    """At once and for good. Doing so again changes nothing."""
    return answer(_shown(await call.running.accounts.revoke(call.tenant, key_id)))


def _shown(info: KeyInfo) -> Key:
    return Key(
        id=info.id,
        name=info.name,
        prefix=info.prefix,
        scopes=info.scopes,
        created_at=iso(info.created_at),
        expires_at=maybe_iso(info.expires_at),
        revoked_at=maybe_iso(info.revoked_at),
        last_used_at=maybe_iso(info.last_used_at),
        requests_per_minute=info.requests_per_minute,
    )
