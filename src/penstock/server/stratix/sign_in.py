"""`/auth/…`: how the command line of those clients signs in with an e-mail address and a password."""

from __future__ import annotations

import msgspec
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from penstock.accounts.members import MAX_EMAIL_CHARS, SIGN_IN_SECONDS
from penstock.errors import Invalid
from penstock.server.answers import answer
from penstock.server.auth import Running
from penstock.server.bodies import JSON, expect_type, parse_json, validated
from penstock.server.stratix.envelopes import bare
from penstock.server.stratix.face import Routes, body_of

routes = Routes()


class SignInBody(BaseModel):
    """What the person typed."""

    email: str = Field("", max_length=MAX_EMAIL_CHARS)
    password: str = Field("", max_length=10_000)


class User(msgspec.Struct):
    """Who has signed in."""

    sub: str
    email: str
    name: str
    given_name: str


class Tokens(msgspec.Struct):
    """The key that was made, as a token. There is none to renew it with: those clients can renew elsewhere only."""

    access_token: str
    expires_in: int
    token_type: str
    user: User


class Config(msgspec.Struct):
    """Where tokens would be renewed: nowhere."""

    region: str = ""
    client_id: str = "penstock"
    domain: str = ""
    scopes: list[str] = msgspec.field(default_factory=list)


@routes.open("POST", "/auth/cli-login")
async def sign_in(request: Request) -> Response:
    """A key for whoever knows the password."""
    running: Running = request.app.state.running
    content = await body_of(request, running)
    expect_type(request, (JSON,))
    body = validated(SignInBody, parse_json(content, running.settings.limits.max_input_depth) if content else {})
    if not body.email.strip() or not body.password:
        raise Invalid("credentials_missing", "Email and password are required.")
    made = await running.members.sign_in(body.email, body.password)
    member = made.member
    user = User(member.id, member.email, member.name, member.name.partition(" ")[0])
    return answer(Tokens(made.key.key, SIGN_IN_SECONDS, "Bearer", user), headers={"Cache-Control": "no-store"})


@routes.open("GET", "/auth/cli-config")
async def sign_in_config(request: Request) -> Response:
    """What the client keeps beside its token."""
    return bare(Config())
