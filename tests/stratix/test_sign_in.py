"""Signing in with an e-mail address and a password, as the command line of those clients does."""

from __future__ import annotations

import httpx2
import pytest

from . import shapes
from .client import Client, Refused
from .conftest import Server

EMAIL, PASSWORD = "ada@example.com", "correct horse battery"


def sign_in(server: Server, body: dict[str, str]) -> httpx2.Response:
    return httpx2.post(f"{server.url}/api/v1/dgklmnr/auth/cli-login", json=body, timeout=30)


@pytest.fixture(scope="module")
def member(server: Server) -> str:
    body = {"email": "Ada@Example.com", "password": PASSWORD, "name": "Ada Lovelace", "scopes": ["evaluations:read"]}
    made = server.own.post("/members", json=body)
    assert made.status_code == 201, made.text
    assert PASSWORD not in made.text
    member_id: str = made.json()["id"]
    return member_id


def test_a_member_gets_a_token_that_lasts(server: Server, member: str) -> None:
    tokens = shapes.Tokens.model_validate(sign_in(server, {"email": EMAIL, "password": PASSWORD}).json())
    assert tokens.expires_in >= 7 * 24 * 3600
    assert (tokens.user.email, tokens.user.given_name) == (EMAIL, "Ada")
    signed_in = Client(server.url, tokens.access_token, bearer=True)
    assert signed_in.evaluations().total_count >= 0
    with pytest.raises(Refused) as refused:
        signed_in.scorers()
    assert refused.value.status == 403
    # A public client inside one with a bearer token sends the token as a key, and below the bearer's prefix.
    assert httpx2.get(f"{server.url}/api/v1/dgklmnr/evaluations", headers={"x-api-key": tokens.access_token}).is_success
    signed_in.close()


def test_the_configuration_is_bare(server: Server) -> None:
    answer = httpx2.get(f"{server.url}/api/v1/dgklmnr/auth/cli-config")
    assert answer.status_code == 200
    assert shapes.AuthConfig.model_validate(answer.json())


def test_wrong_passwords_and_unknown_people_look_the_same(server: Server, member: str) -> None:
    missing = sign_in(server, {"email": EMAIL})
    assert (missing.status_code, missing.json()["error"]["message"]) == (400, "Email and password are required.")
    for email in (EMAIL, "nobody@example.com"):
        wrong = sign_in(server, {"email": email, "password": "wrong"})
        assert (wrong.status_code, wrong.json()["error"]["message"]) == (401, "Invalid email or password.")


def test_a_member_who_was_removed_is_out(server: Server) -> None:
    body = {"email": "bob@example.com", "password": PASSWORD}
    server.own.post("/members", json=body).raise_for_status()
    assert server.own.post("/members", json=body).status_code == 409
    token = sign_in(server, body).json()["access_token"]
    assert server.own.delete("/members/bob@example.com").status_code == 204
    assert sign_in(server, body).status_code == 401
    with pytest.raises(Refused) as refused:
        Client(server.url, token, bearer=True)
    assert (refused.value.status, refused.value.code) == (401, "key_revoked")
