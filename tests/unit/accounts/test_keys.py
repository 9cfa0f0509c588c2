"""Keys: made once, kept as a hash, refused for a stated reason."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from penstock.accounts import keys as keys_module
from penstock.accounts.keys import Accounts
from penstock.accounts.organizations import create_organization, create_project
from penstock.clock import now_ms
from penstock.errors import Conflict, Forbidden, Invalid, NotFound, Unauthenticated
from penstock.storage.migrations import migrate
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import Transaction

T = TypeVar("T")

CHOSEN = "a-key-chosen-by-the-operator"


@pytest.fixture
async def accounts(store: SqliteStore) -> AsyncIterator[Accounts]:
    accounts = Accounts(store)
    yield accounts
    await accounts.close()


async def refused(accounts: Accounts, key: str | None) -> str:
    with pytest.raises(Unauthenticated) as caught:
        await accounts.authenticate(key)
    return caught.value.code


async def test_the_first_start_makes_one_admin_key_and_later_ones_none(accounts: Accounts) -> None:
    first = await accounts.first_start(None)
    assert first.created
    assert first.key is not None
    again = await accounts.first_start(None)
    assert (again.created, again.key, again.tenant) == (False, None, first.tenant)
    principal = await accounts.authenticate(first.key)
    assert principal.tenant == first.tenant
    principal.require("flows:write")


async def test_the_key_of_the_environment_is_the_admin_key(accounts: Accounts) -> None:
    first = await accounts.first_start(CHOSEN)
    assert (first.created, first.key) == (True, None)
    assert (await accounts.authenticate(CHOSEN)).tenant == first.tenant


async def test_a_later_start_adds_the_key_of_the_environment(accounts: Accounts) -> None:
    first = await accounts.first_start(None)
    await accounts.first_start(CHOSEN)
    await accounts.first_start(CHOSEN)
    assert (await accounts.authenticate(CHOSEN)).tenant == first.tenant
    assert len(await accounts.list(first.tenant)) == 2


async def test_a_revoked_key_of_the_environment_stays_revoked(accounts: Accounts) -> None:
    first = await accounts.first_start(CHOSEN)
    (info,) = await accounts.list(first.tenant)
    await accounts.revoke(first.tenant, info.id)
    await accounts.first_start(CHOSEN)
    assert await refused(accounts, CHOSEN) == "key_revoked"


@pytest.mark.parametrize("key", ["short", "x" * 600])
async def test_an_unsafe_key_of_the_environment_is_refused_before_anything_is_made(
    accounts: Accounts, key: str
) -> None:
    with pytest.raises(Invalid):
        await accounts.first_start(key)
    assert (await accounts.first_start(None)).created


async def test_each_refusal_has_its_own_code(accounts: Accounts, store: SqliteStore) -> None:
    tenant = (await accounts.first_start(None)).tenant
    made = await accounts.create(tenant, "ci", ("flows:read",))
    assert await refused(accounts, None) == "key_missing"
    assert await refused(accounts, "") == "key_missing"
    assert await refused(accounts, "psk_unknown") == "key_unknown"
    assert await refused(accounts, "psk_\udcff") == "key_unknown"
    assert await refused(accounts, made.key + "x" * 1000) == "key_unknown"
    await accounts.revoke(tenant, made.info.id)
    assert await refused(accounts, made.key) == "key_revoked"


async def test_a_revoke_counts_at_once_although_answers_are_cached(accounts: Accounts) -> None:
    tenant = (await accounts.first_start(None)).tenant
    made = await accounts.create(tenant, "ci", ("flows:read",))
    await accounts.authenticate(made.key)
    await accounts.revoke(tenant, made.info.id)
    assert await refused(accounts, made.key) == "key_revoked"


async def test_a_look_up_that_overlaps_a_revoke_is_not_remembered(tmp_path: Path) -> None:
    class Interrupted(SqliteStore):
        after_read: Callable[[], Awaitable[object]] | None = None

        async def read(self, transaction: Transaction[T]) -> T:
            found = await super().read(transaction)
            if self.after_read is not None:
                await self.after_read()
            return found

    store = Interrupted(tmp_path / "penstock.db", synchronous="NORMAL")
    await migrate(store)
    accounts = Accounts(store)
    tenant = (await accounts.first_start(None)).tenant
    made = await accounts.create(tenant, "ci", ("flows:read",))
    store.after_read = lambda: accounts.revoke(tenant, made.info.id)
    assert (await accounts.authenticate(made.key)).name == "ci"
    store.after_read = None
    assert await refused(accounts, made.key) == "key_revoked"
    await accounts.close()
    await store.close()


async def test_a_key_expires_although_it_is_cached(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = (await accounts.first_start(None)).tenant
    end = now_ms() + 60_000
    made = await accounts.create(tenant, "ci", ("flows:read",), expires_at=end)
    await accounts.authenticate(made.key)
    monkeypatch.setattr(keys_module, "now_ms", lambda: end)
    assert await refused(accounts, made.key) == "key_expired"


async def test_an_end_in_the_past_is_refused(accounts: Accounts) -> None:
    tenant = (await accounts.first_start(None)).tenant
    with pytest.raises(Invalid) as caught:
        await accounts.create(tenant, "ci", ("flows:read",), expires_at=now_ms() - 1)
    assert caught.value.errors[0].path == "expiresAt"


async def test_only_the_hash_is_kept(accounts: Accounts, store: SqliteStore) -> None:
    first = await accounts.first_start(None)
    assert first.key is not None
    assert first.key.startswith("psk_")
    assert first.key not in repr(first)
    with sqlite3.connect(store.path) as connection:
        dump = "\n".join(connection.iterdump())
    connection.close()
    assert first.key not in dump
    assert first.key[:8] in dump


async def test_a_missing_scope_is_named(accounts: Accounts) -> None:
    tenant = (await accounts.first_start(None)).tenant
    made = await accounts.create(tenant, "reader", ("flows:read", "flows:read"))
    assert made.info.scopes == ("flows:read",)
    principal = await accounts.authenticate(made.key)
    principal.require("flows:read")
    with pytest.raises(Forbidden, match="'flows:write'"):
        principal.require("flows:write")


async def test_unknown_scopes_are_named_by_their_place(accounts: Accounts) -> None:
    tenant = (await accounts.first_start(None)).tenant
    with pytest.raises(Invalid) as caught:
        await accounts.create(tenant, "x", ("flows:read", "flows:eat"))
    assert [error.path for error in caught.value.errors] == ["scopes[1]"]
    with pytest.raises(Invalid):
        await accounts.create(tenant, "x", ())


async def test_keys_of_another_project_are_out_of_reach(accounts: Accounts, store: SqliteStore) -> None:
    tenant = (await accounts.first_start(None)).tenant
    other = await create_project(store, await create_organization(store, "other"), "theirs")
    made = await accounts.create(other, "theirs", ("admin",))
    assert (await accounts.authenticate(made.key)).tenant == other
    assert made.info.id not in [info.id for info in await accounts.list(tenant)]
    with pytest.raises(NotFound):
        await accounts.revoke(tenant, made.info.id)
    await accounts.authenticate(made.key)


async def test_project_names_are_unique_in_their_organization(store: SqliteStore) -> None:
    organization = await create_organization(store, "one")
    await create_project(store, organization, "same")
    with pytest.raises(Conflict):
        await create_project(store, organization, "same")
    await create_project(store, await create_organization(store, "two"), "same")


async def test_keys_are_listed_newest_first_in_pages(accounts: Accounts) -> None:
    tenant = (await accounts.first_start(CHOSEN)).tenant
    made = [(await accounts.create(tenant, f"key {n}", ("flows:read",))).info.id for n in range(3)]
    page = await accounts.list(tenant, None, 2)
    assert [info.id for info in page] == [made[2], made[1]]
    rest = await accounts.list(tenant, page[-1].id, 50)
    assert [info.name for info in rest] == ["key 0", "PENSTOCK_API_KEY"]


async def test_use_is_noted(accounts: Accounts) -> None:
    tenant = (await accounts.first_start(CHOSEN)).tenant
    await accounts.authenticate(CHOSEN)
    await accounts.close()
    (info,) = await accounts.list(tenant)
    assert info.last_used_at is not None


async def test_an_embedded_key_is_stored_nowhere(accounts: Accounts, store: SqliteStore) -> None:
    tenant = (await accounts.first_start(CHOSEN)).tenant
    key = accounts.embed(tenant)
    (await accounts.authenticate(key)).require("keys:admin")
    assert len(await accounts.list(tenant)) == 1
    assert await refused(Accounts(store), key) == "key_unknown"
