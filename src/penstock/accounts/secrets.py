"""Secrets: kept encrypted, used by name, never shown again.

Encryption is Fernet (AES-128-CBC and HMAC-SHA256, https://github.com/fernet/spec) under one master key of 32 bytes,
which lives outside the store: in `PENSTOCK_SECRET_KEY`, or in the file `secret.key` of the data folder. A copy of the
store alone gives nothing away, and a backup of the store alone cannot be read without that key.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets as randomness
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from penstock.errors import FieldError, Invalid, NotFound, StepError, Unavailable
from penstock.storage import secrets
from penstock.storage.store import Store
from penstock.types import Tenant

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

KEY_BYTES = 32
KEY_VARIABLE = "PENSTOCK_SECRET_KEY"
KEY_FILE = "secret.key"
MAX_VALUE_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,120}")
_MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """What may be known of a secret."""

    name: str
    created_at: int
    updated_at: int


class SecretVault:
    """The secrets of all tenants. `key` is the master key, 32 bytes; see `load_master_key`."""

    def __init__(self, store: Store, key: bytes) -> None:
        self._store = store
        self._key = key

    async def put(self, tenant: Tenant, name: str, value: str) -> SecretInfo:
        """Keep a secret, in the place of one that has this name. Raises `Invalid` for a name or value out of bounds."""
        _check(name, value)
        row = await self._store.write(secrets.put(tenant, name, self.encrypt(value)))
        return SecretInfo(row["name"], row["created_at"], row["updated_at"])

    async def get(self, tenant: Tenant, name: str) -> str:
        """The value, for a step that uses it. Raises `StepError`: `secret_unknown`, `secret_unreadable`."""
        ciphertext = await self._store.read(secrets.ciphertext_of(tenant, name))
        if ciphertext is None:
            raise StepError("secret_unknown", f"There is no secret {name!r} in this project. Add it under /secrets.")
        try:
            return self.decrypt(ciphertext)
        except Unavailable as problem:
            raise StepError(problem.code, f"Secret {name!r}: {problem.detail}") from None

    async def list(self, tenant: Tenant, *, after_name: str = "", limit: int = 100) -> Sequence[SecretInfo]:
        """Names and dates, in the order of the names, behind a name."""
        rows = await self._store.read(secrets.list_by_name(tenant, after_name, min(limit, _MAX_PAGE)))
        return [SecretInfo(row["name"], row["created_at"], row["updated_at"]) for row in rows]

    async def delete(self, tenant: Tenant, name: str) -> None:
        """Raises `NotFound`."""
        if not await self._store.write(secrets.delete(tenant, name)):
            raise NotFound("secret_unknown", f"There is no secret {name!r} in this project.")

    def encrypt(self, text: str) -> str:
        """A text that only this key makes readable; another one each time."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, text: str) -> str:
        """What was encrypted. Raises `Unavailable` (`secret_unreadable`) when that was under another key."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(text.encode()).decode()
        except InvalidToken:
            detail = (
                "It was encrypted under another master key. Start Penstock with the"
                f" {KEY_VARIABLE} or the {KEY_FILE} it was stored with, or store the secret again."
            )
            raise Unavailable("secret_unreadable", detail) from None

    def derived(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose, the same after each start (HKDF-Expand, RFC 5869, with one block)."""
        return hmac.digest(self._key, purpose.encode() + b"\x01", "sha256")

    @cached_property
    def _fernet(self) -> Fernet:
        from cryptography.fernet import Fernet

        return Fernet(base64.urlsafe_b64encode(self._key))


def load_master_key(data_dir: Path) -> bytes:
    """The master key: `PENSTOCK_SECRET_KEY`, else the data folder's `secret.key`, which is made when it is missing.

    Raises `Unavailable` when the key is no key, or the file cannot be read or made.
    """
    given = os.environ.get(KEY_VARIABLE)
    if given:
        return _decoded(given, KEY_VARIABLE)
    path = data_dir / KEY_FILE
    try:
        if not path.exists():
            _make_key(path)
        return _decoded(path.read_text("ascii"), str(path))
    except OSError as error:
        detail = f"{path} cannot be used ({error.strerror}). Check its owner, or set {KEY_VARIABLE}."
        raise Unavailable("secret_key_unreadable", detail) from error
    except UnicodeDecodeError:
        raise _no_key(str(path)) from None


def _make_key(path: Path) -> None:
    """Make the file whole or not at all; of two processes that do, one wins and both read the same key."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{randomness.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.urlsafe_b64encode(randomness.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink()


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip().translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (binascii.Error, ValueError):
        raise _no_key(where) from None
    if len(key) != KEY_BYTES:
        raise _no_key(where)
    return key


def _no_key(where: str) -> Unavailable:
    detail = f"{where} does not hold a master key: 32 bytes in base 64, as `openssl rand -base64 32` prints them."
    return Unavailable("secret_key_invalid", detail)


def _check(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        detail = "A secret's name is 1 to 120 letters, digits, `_`, `-` or `.`."
        raise Invalid("name_invalid", detail, errors=(FieldError("name", detail),))
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        size = 0
    if not 0 < size <= MAX_VALUE_BYTES:
        detail = f"A secret's value is Unicode text of 1 to {MAX_VALUE_BYTES:,} bytes."
        raise Invalid("secret_invalid", detail, errors=(FieldError("value", detail),))
