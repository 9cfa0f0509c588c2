"""`/members`: people who may sign in with an e-mail address and a password."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from penstock.accounts import members as people
from penstock.clock import iso
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, page_of, path_id, ref

router = APIRouter(tags=["keys"])
Admin = Annotated[Call, needs("keys:admin")]


class MemberBody(BaseModel):
    """Somebody who is to be able to sign in."""

    model_config = ConfigDict(extra="forbid", strict=True)

    email: str = Field(min_length=3, max_length=people.MAX_EMAIL_CHARS)
    password: str = Field(min_length=people.MIN_PASSWORD_CHARS, max_length=people.MAX_PASSWORD_CHARS)
    name: str = Field("", max_length=200, description="For people; the address when left out.")
    scopes: list[str] = Field(
        ["admin"], min_length=1, max_length=50, description="What the keys of their sign-ins may do."
    )


class Member(msgspec.Struct, rename="camel"):
    """Somebody who may sign in. The password is never shown."""

    id: str
    email: str
    name: str
    scopes: tuple[str, ...]
    created_at: str


SCHEMAS = (MemberBody, Member)


@router.post(
    "/members",
    **doc("Add a member", body=ref(MemberBody), returns=ref(Member), status=201, problems=(400, 401, 403, 409)),
)
async def create_member(call: Admin) -> Response:
    """They sign in with the command line of Stratix; each sign-in makes a key for 30 days with these scopes."""
    body = await call.body(MemberBody)
    for scope in body.scopes:
        call.principal.require(scope)
    made = await call.running.members.add(
        call.tenant, body.email, body.password, name=body.name, scopes=tuple(body.scopes)
    )
    return answer(_shown(made), 201)


@router.get("/members", **doc("List members", returns=page_of(Member), problems=(401, 403)))
async def list_members(call: Admin, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """In the order of their addresses."""
    found = await call.running.members.page(call.tenant, cursor or "", limit + 1)
    following = found[limit - 1].email if len(found) > limit else None
    return page([_shown(member) for member in found[:limit]], following)


@router.delete("/members/{member}", **doc("Remove a member", status=204, problems=(401, 403, 404)))
async def delete_member(call: Admin, member: Annotated[str, path_id("member")]) -> Response:
    """By id or address. The keys of earlier sign-ins are revoked."""
    await call.running.members.remove(call.tenant, member)
    return nothing()


def _shown(member: people.Member) -> Member:
    return Member(member.id, member.email, member.name, member.scopes, iso(member.created_at))
