"""People who sign in with an e-mail address and a password, for programs that ask for these and not for a key.

A sign-in makes a key with an end. Passwords are kept as scrypt (RFC 7914) with the cost that OWASP's cheat sheet on
the storage of passwords gives: N = 2^15, r = 8, p = 3, so 32 MB and about 0.2 s for each try.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from penstock.accounts.keys import MAX_NAME_LENGTH, Accounts, NewKey
from penstock.accounts.scopes import checked_scopes
from penstock.clock import now_ms
from penstock.errors import Conflict, FieldError, Invalid, LimitReached, NotFound, Unauthenticated
from penstock.storage import members as sql
from penstock.storage.store import Store
from penstock.types import Tenant

SIGN_IN_SECONDS = 30 * 24 * 3600
"""Those who sign in cannot renew what they got, so it lasts for a month."""
MIN_PASSWORD_CHARS = 12
MAX_PASSWORD_CHARS = 256
MAX_EMAIL_CHARS = 254
TRIES = 5
TRIES_SECONDS = 300.0
"""So many wrong passwords for one address, then none is looked at until five minutes after the first."""
_MAX_WATCHED = 10_000
_AT_ONCE = 2
_MAX_WAITING = 20
_COST, _BLOCK, _PARALLEL = 2**15, 8, 3
_MEMORY_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who may sign in, and what the keys made by that may do."""

    id: str
    tenant: Tenant
    email: str
    name: str
    scopes: tuple[str, ...]
    created_at: int


@dataclass(frozen=True, slots=True)
class SignIn:
    """A member who has signed in, and the key that was made for it."""

    member: Member
    key: NewKey


class Members:
    """The members of all tenants. Wrong passwords are counted by each process for itself."""

    def __init__(self, store: Store, accounts: Accounts, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._accounts = accounts
        self._clock = clock
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def add(self, tenant: Tenant, email: str, password: str, *, name: str, scopes: tuple[str, ...]) -> Member:
        """Let somebody sign in. Raises `Invalid` for an address, password or scope that will not do, `Conflict` when
        the address is taken."""
        address = _address(email)
        if not MIN_PASSWORD_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
            detail = f"A password has {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters."
            raise Invalid("password_invalid", detail, errors=(FieldError("password", detail),))
        if len(name) > MAX_NAME_LENGTH:
            detail = f"A name has at most {MAX_NAME_LENGTH} characters."
            raise Invalid("name_invalid", detail, errors=(FieldError("name", detail),))
        chosen = json.dumps(checked_scopes(scopes))
        kept = await self._hashed(password, os.urandom(16))
        row = await self._store.write(
            sql.insert(tenant, email=address, name=name or address, password_hash=kept, scopes=chosen)
        )
        if row is None:
            raise Conflict("member_exists", f"{address} is a member already.")
        return _member(row)

    async def page(self, tenant: Tenant, after_email: str, limit: int) -> list[Member]:
        """In the order of their addresses."""
        return [_member(row) for row in await self._store.read(sql.page(tenant, after_email, limit))]

    async def remove(self, tenant: Tenant, id_or_email: str) -> Member:
        """No more sign-ins, and an end to the keys of earlier ones. Raises `NotFound`."""
        row = await self._store.write(sql.delete(tenant, id_or_email.lower()))
        if row is None:
            raise NotFound("member_not_found", f"This project has no member {id_or_email!r}.")
        member = _member(row)
        for key_id in await self._store.read(sql.sign_in_keys(tenant, _key_name(member))):
            await self._accounts.revoke(tenant, key_id)
        return member

    async def sign_in(self, email: str, password: str) -> SignIn:
        """Make a key for whoever knows the password.

        Raises `Unauthenticated`, in the same words and the same time whether there is such a member or not, and
        `LimitReached` after too many wrong passwords for an address.
        """
        address = email.strip().lower()[:MAX_EMAIL_CHARS]
        self._take_try(address)
        row = await self._store.read(sql.by_email(address))
        kept = row["password_hash"] if row is not None else _NOBODY
        given = await self._hashed(password[:MAX_PASSWORD_CHARS], _salt(kept))
        if row is None or not hmac.compare_digest(given, kept):
            raise _refused()
        self._failed.pop(address, None)
        member = _member(row)
        expires_at = now_ms() + SIGN_IN_SECONDS * 1000
        key = await self._accounts.create(member.tenant, _key_name(member), member.scopes, expires_at=expires_at)
        row = await self._store.read(sql.by_email(address))
        if row is None or row["id"] != member.id:
            # Removed meanwhile, which may have been before this key was there to be revoked.
            await self._accounts.revoke(member.tenant, key.info.id)
            raise _refused()
        return SignIn(member, key)

    async def _hashed(self, password: str, salt: bytes) -> str:
        if self._waiting >= _MAX_WAITING:
            raise LimitReached("sign_ins_busy", "Too many people sign in at once. Try again.", retry_after_seconds=2)
        self._waiting += 1
        try:
            async with self._places:
                digest = await asyncio.to_thread(_scrypt, password, salt)
        finally:
            self._waiting -= 1
        return f"{_encoded(salt)}${_encoded(digest)}"

    def _take_try(self, address: str) -> None:
        """Count a try before it is looked at, so that many at once are no way around."""
        now = self._clock()
        count, since = self._failed.get(address, (0, now))
        left = since + TRIES_SECONDS - now
        if left <= 0:
            count, since = 0, now
        elif count >= TRIES:
            detail = f"{TRIES} wrong passwords for this address. Try again later."
            raise LimitReached("too_many_sign_ins", detail, retry_after_seconds=left)
        self._failed[address] = count + 1, since
        while len(self._failed) > _MAX_WATCHED:
            self._failed.popitem(last=False)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode("utf-8", "surrogatepass"), salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY_BYTES
    )


def _address(email: str) -> str:
    address = email.strip().lower()
    local, at, domain = address.partition("@")
    if not (local and at and domain) or len(address) > MAX_EMAIL_CHARS or not address.isprintable() or " " in address:
        detail = f"{email[:80]!r} is no e-mail address."
        raise Invalid("email_invalid", detail, errors=(FieldError("email", detail),))
    return address


def _refused() -> Unauthenticated:
    return Unauthenticated("sign_in_failed", "Invalid email or password.")


def _key_name(member: Member) -> str:
    return f"sign-in {member.id}"


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


_NOBODY = f"{_encoded(bytes(16))}${_encoded(bytes(32))}"
"""It takes as long to be compared with as the hash of a member."""


def _salt(kept: str) -> bytes:
    return base64.b64decode(kept.partition("$")[0])


def _member(row: Any) -> Member:
    return Member(
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        email=row["email"],
        name=row["name"],
        scopes=tuple(json.loads(row["scopes"])),
        created_at=row["created_at"],
    )
