"""Who may sign in, and what guessing costs."""

from __future__ import annotations

import asyncio
import threading

import pytest

from penstock.accounts import members
from penstock.accounts.keys import Accounts
from penstock.accounts.members import TRIES, TRIES_SECONDS, Members
from penstock.accounts.organizations import create_organization, create_project
from penstock.errors import Conflict, Invalid, LimitReached, NotFound, Problem, Unauthenticated
from penstock.storage.sqlite import SqliteStore
from penstock.types import Tenant

PASSWORD = "correct horse battery"


@pytest.fixture
async def tenant(store: SqliteStore) -> Tenant:
    return await create_project(store, await create_organization(store, "acme"), "main")


@pytest.fixture
def accounts(store: SqliteStore) -> Accounts:
    return Accounts(store)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(store: SqliteStore, accounts: Accounts, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Members:
    monkeypatch.setattr(members, "_COST", 2)
    return Members(store, accounts, clock=clock)


async def test_a_sign_in_makes_a_key_that_ends_with_the_member(
    people: Members, accounts: Accounts, tenant: Tenant
) -> None:
    made = await people.add(tenant, " Ada@Example.com ", PASSWORD, name="", scopes=("models:read",))
    assert (made.email, made.name) == ("ada@example.com", "ada@example.com")
    signed_in = await people.sign_in("ADA@example.com", PASSWORD)
    principal = await accounts.authenticate(signed_in.key.key)
    assert (principal.tenant, principal.scopes) == (tenant, {"models:read"})
    assert signed_in.key.info.expires_at is not None
    await people.remove(tenant, "ada@example.com")
    with pytest.raises(Unauthenticated):
        await accounts.authenticate(signed_in.key.key)
    with pytest.raises(Unauthenticated):
        await people.sign_in("ada@example.com", PASSWORD)
    await accounts.close()


async def test_who_is_removed_while_signing_in_gets_no_key(
    people: Members, accounts: Accounts, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await people.add(tenant, "ada@example.com", PASSWORD, name="", scopes=("admin",))
    scrypt, begun, go_on = members._scrypt, threading.Event(), threading.Event()

    def slow(password: str, salt: bytes) -> bytes:
        begun.set()
        go_on.wait(60)
        return scrypt(password, salt)

    monkeypatch.setattr(members, "_scrypt", slow)
    signing_in = asyncio.create_task(people.sign_in("ada@example.com", PASSWORD))
    await asyncio.to_thread(begun.wait, 60)
    await people.remove(tenant, "ada@example.com")
    go_on.set()
    with pytest.raises(Unauthenticated):
        await signing_in
    assert all(key.revoked_at is not None for key in await accounts.list(tenant))


async def test_nothing_readable_of_a_password_is_kept(people: Members, store: SqliteStore, tenant: Tenant) -> None:
    for name in ("ada", "bob"):
        await people.add(tenant, f"{name}@example.com", PASSWORD, name="", scopes=("admin",))
    first, second = await store.read(members.sql.page(tenant, "", 10))
    assert PASSWORD not in str(dict(first))
    assert first["password_hash"] != second["password_hash"]


@pytest.mark.parametrize("email", ["nobody@example.com", "ada@example.com"])
async def test_guessing_is_stopped_for_a_while(people: Members, tenant: Tenant, clock: Clock, email: str) -> None:
    await people.add(tenant, "ada@example.com", PASSWORD, name="", scopes=("admin",))
    guesses = [people.sign_in(email, f"guess {n}") for n in range(TRIES + 3)]
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert [type(one) for one in outcomes].count(LimitReached) == 3
    assert [type(one) for one in outcomes].count(Unauthenticated) == TRIES
    with pytest.raises(LimitReached):
        await people.sign_in("ada@example.com" if email.startswith("ada") else email, PASSWORD)
    clock.now += TRIES_SECONDS + 1
    await people.sign_in("ada@example.com", PASSWORD)


@pytest.mark.parametrize(
    ("email", "password", "scopes", "refusal"),
    [
        ("no address", PASSWORD, ("admin",), Invalid),
        ("a@b", "too short", ("admin",), Invalid),
        ("a@b", PASSWORD, ("nonsense",), Invalid),
        ("ada@example.com", PASSWORD, ("admin",), Conflict),
    ],
)
async def test_who_cannot_become_a_member(
    people: Members, tenant: Tenant, email: str, password: str, scopes: tuple[str, ...], refusal: type[Problem]
) -> None:
    await people.add(tenant, "ada@example.com", PASSWORD, name="", scopes=("admin",))
    with pytest.raises(refusal):
        await people.add(tenant, email, password, name="", scopes=scopes)


async def test_another_project_cannot_remove_a_member(people: Members, store: SqliteStore, tenant: Tenant) -> None:
    made = await people.add(tenant, "ada@example.com", PASSWORD, name="", scopes=("admin",))
    other = await create_project(store, await create_organization(store, "other"), "theirs")
    for named in (made.id, made.email):
        with pytest.raises(NotFound):
            await people.remove(other, named)
    assert await people.page(other, "", 10) == []
    await people.sign_in(made.email, PASSWORD)
