"""API keys: made here, shown once, kept only as a hash.

A key is `psk_` and 256 random bits. With that much chance in it a plain sha256 is as safe as a slow hash, and costs a
request microseconds; a slow one would let anybody keep the server busy by sending rubbish keys.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from penstock.accounts.organizations import DEFAULT_NAME, default_project
from penstock.accounts.scopes import ADMIN, allows, checked_scopes
from penstock.clock import now_ms
from penstock.errors import FieldError, Forbidden, Invalid, NotFound, Unauthenticated, Unavailable
from penstock.storage import accounts as sql
from penstock.storage.store import Store
from penstock.types import Tenant

KEY_PREFIX = "psk_"
CACHE_SECONDS = 5.0
CACHE_SIZE = 10_000
TOUCH_INTERVAL_MS = 60_000
MIN_CHOSEN_KEY_LENGTH = 16
MAX_KEY_LENGTH = 512
MAX_NAME_LENGTH = 200
LATEST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that ISO 8601 can write."""
_SHOWN_CHARACTERS = 8

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling: the tenant, the key, and what the key may do."""

    tenant: Tenant
    key_id: str
    name: str
    scopes: frozenset[str]
    requests_per_minute: int | None = None
    """The key's own limit; None: it shares its project's."""

    def require(self, scope: str) -> None:
        """Raises `Forbidden`, naming the scope, when this key does not hold it."""
        if not allows(self.scopes, scope):
            held = ", ".join(sorted(self.scopes))
            raise Forbidden("scope_missing", f"This needs a key with the scope {scope!r}; {self.name!r} has: {held}.")


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as it may be shown: everything but the key. Times in milliseconds since 1970."""

    id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    requests_per_minute: int | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that has just been made; `key` is not kept anywhere."""

    info: KeyInfo
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What a start found: `created` when the store was empty; `key` is a new admin key, to be shown once."""

    created: bool
    tenant: Tenant
    key: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Known:
    principal: Principal
    expires_at: int | None
    last_used_at: int
    read_at: float


class Accounts:
    """Keys of all tenants: making, checking and revoking them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, _Known] = {}
        self._revocations = 0
        self._embedded: dict[str, Principal] = {}
        self._touches: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait for what is still being written."""
        await asyncio.gather(*self._touches)

    async def first_start(self, api_key: str | None, *, make_key: bool = True) -> FirstStart:
        """Make the default organization, its project and an admin key where there are none.

        With `make_key=False` no key is made up: there is nobody to show it to. `api_key` (the value of
        PENSTOCK_API_KEY) is that key when given; later starts add it when it is missing. One that was revoked stays
        revoked. Raises `Invalid` when it is too short to be safe.
        """
        if api_key is not None and not MIN_CHOSEN_KEY_LENGTH <= len(api_key) <= MAX_KEY_LENGTH:
            limits = f"between {MIN_CHOSEN_KEY_LENGTH} and {MAX_KEY_LENGTH} characters"
            raise Invalid("api_key_unsafe", f"PENSTOCK_API_KEY must have {limits}, chosen at random.")
        tenant, created = await default_project(self._store)
        if api_key is not None:
            await self._insert(tenant, "PENSTOCK_API_KEY", api_key, (ADMIN,))
            return FirstStart(created, tenant)
        if not make_key or await self._store.read(sql.has_keys(tenant)):
            return FirstStart(created, tenant)
        made = await self.create(tenant, DEFAULT_NAME, (ADMIN,))
        return FirstStart(created, tenant, made.key)

    def embed(self, tenant: Tenant) -> str:
        """A new admin key that lives as long as this object and is stored nowhere: for callers in this process."""
        key = _new_key()
        self._embedded[_hash(key)] = Principal(tenant, "embedded", "embedded", frozenset({ADMIN}))
        return key

    async def authenticate(self, key: str | None) -> Principal:
        """Whose key this is.

        An answer may be up to 5 s old when another process revoked the key; this process's revokes count at once.
        Raises `Unauthenticated` with `key_missing`, `key_unknown`, `key_revoked` or `key_expired`.
        """
        if not key:
            detail = "Send a key as 'Authorization: Bearer <key>' or 'X-API-Key: <key>'."
            raise Unauthenticated("key_missing", detail)
        if len(key) > MAX_KEY_LENGTH:
            raise _unknown()
        key_hash = _hash(key)
        embedded = self._embedded.get(key_hash)
        if embedded is not None:
            return embedded
        known = self._known.get(key_hash)
        if known is None or time.monotonic() - known.read_at > CACHE_SECONDS:
            known = await self._look_up(key_hash)
        now = now_ms()
        if known.expires_at is not None and known.expires_at <= now:
            raise Unauthenticated("key_expired", f"The key {known.principal.name!r} has expired. Create a new one.")
        self._touch(known, now)
        return known.principal

    async def create(
        self,
        tenant: Tenant,
        name: str,
        scopes: tuple[str, ...],
        *,
        expires_at: int | None = None,
        requests_per_minute: int | None = None,
    ) -> NewKey:
        """Make a key. Raises `Invalid` for an unknown scope, an empty name, or an end in the past or too far away."""
        if not 1 <= len(name) <= MAX_NAME_LENGTH:
            detail = f"A key's name has 1 to {MAX_NAME_LENGTH} characters."
            raise Invalid("name_invalid", detail, errors=(FieldError("name", detail),))
        if expires_at is not None and expires_at <= now_ms():
            detail = "The key would have expired already."
            raise Invalid("expiry_past", detail, errors=(FieldError("expiresAt", "must be in the future"),))
        if expires_at is not None and expires_at > LATEST_MS:
            detail = "A key expires before the year 10000, or never: leave expiresAt out."
            raise Invalid("expiry_too_far", detail, errors=(FieldError("expiresAt", "must be before the year 10000"),))
        key = _new_key()
        info = await self._insert(tenant, name, key, checked_scopes(scopes), expires_at, requests_per_minute)
        if info is None:
            raise Unavailable("key_collision", "Two keys came out the same; the machine's random source is broken.")
        return NewKey(info, key)

    async def list(self, tenant: Tenant, cursor: str | None = None, limit: int = 50) -> list[KeyInfo]:
        """Keys of a project, newest first, also the revoked ones; `cursor` is the id of the last one seen."""
        return [_info(row) for row in await self._store.read(sql.list_keys(tenant, cursor, limit))]

    async def revoke(self, tenant: Tenant, key_id: str) -> KeyInfo:
        """Revoke a key, at once and for good; doing so again changes nothing. Raises `NotFound`."""
        row = await self._store.write(sql.revoke_key(tenant, key_id))
        if row is None:
            raise NotFound("key_not_found", f"There is no key {key_id!r} in this project.")
        self._revocations += 1
        self._known.pop(row["hash"], None)
        return _info(row)

    async def _insert(
        self,
        tenant: Tenant,
        name: str,
        key: str,
        scopes: tuple[str, ...],
        expires_at: int | None = None,
        requests_per_minute: int | None = None,
    ) -> KeyInfo | None:
        row = await self._store.write(
            sql.insert_key(
                tenant,
                name=name,
                prefix=key[:_SHOWN_CHARACTERS],
                key_hash=_hash(key),
                scopes=json.dumps(scopes),
                expires_at=expires_at,
                requests_per_minute=requests_per_minute,
            )
        )
        return None if row is None else _info(row)

    async def _look_up(self, key_hash: str) -> _Known:
        self._known.pop(key_hash, None)
        read_at, revocations = time.monotonic(), self._revocations
        row = await self._store.read(sql.key_by_hash(key_hash))
        if row is None or not hmac.compare_digest(row["hash"], key_hash):
            raise _unknown()
        if row["revoked_at"] is not None:
            raise Unauthenticated("key_revoked", f"The key {row['name']!r} was revoked. Use another one.")
        principal = Principal(
            Tenant(row["organization_id"], row["project_id"]),
            row["id"],
            row["name"],
            frozenset(json.loads(row["scopes"])),
            row["requests_per_minute"],
        )
        known = _Known(principal, row["expires_at"], row["last_used_at"] or 0, read_at)
        # What was read while a key was being revoked may be from before it: good for this request, not for the next.
        if revocations == self._revocations:
            while len(self._known) >= CACHE_SIZE:
                self._known.pop(next(iter(self._known)))
            self._known[key_hash] = known
        return known

    def _touch(self, known: _Known, now: int) -> None:
        """Note the use of a key at most once a minute, without making the caller wait for it."""
        if now - known.last_used_at < TOUCH_INTERVAL_MS:
            return
        known.last_used_at = now
        task = asyncio.create_task(self._write_touch(known.principal, now))
        self._touches.add(task)
        task.add_done_callback(self._touches.discard)

    async def _write_touch(self, principal: Principal, now: int) -> None:
        try:
            await self._store.write(sql.touch_key(principal.tenant, principal.key_id, now))
        except Unavailable as error:
            # A store that cannot be written can still be read: reading goes on without the note.
            _log.warning("last use of key %s not noted: %s", principal.key_id, error.detail)


def _new_key() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(32)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _unknown() -> Unauthenticated:
    return Unauthenticated("key_unknown", "This key is not known here. Check that it was copied whole.")


def _info(row: Any) -> KeyInfo:
    return KeyInfo(
        id=row["id"],
        name=row["name"],
        prefix=row["prefix"],
        scopes=tuple(json.loads(row["scopes"])),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
        requests_per_minute=row["requests_per_minute"],
    )
