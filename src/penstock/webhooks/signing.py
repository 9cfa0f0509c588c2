"""The secrets that deliveries are signed with, and the headers that carry the signatures (Standard Webhooks).

A secret is `whsec_` and 32 random bytes in base 64. Rotated, the one before goes on signing for a day beside the new
one, so that receivers can change over at their own pace.
"""

from __future__ import annotations

import base64
import secrets as randomness
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from penstock.accounts.secrets import SecretVault
from penstock.clock import now_ms
from penstock.storage import webhooks
from penstock.storage.store import Store, Transaction
from penstock.storage.webhooks import PROJECT

PREFIX = "whsec_"
SECRET_BYTES = 32
OVERLAP_MS = 24 * 3600 * 1000
"""How long the secret before goes on signing."""


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """The current secret of an endpoint or project; until `previous_expires_at` (ms) the one before it signs too."""

    secret: str
    previous_expires_at: int | None = None


class SigningSecrets:
    """The signing secrets of all tenants. `owner` is an endpoint's id, or `PROJECT` for URLs of single calls."""

    def __init__(self, store: Store, vault: SecretVault) -> None:
        self._store = store
        self._vault = vault

    def added(self, project_id: str, owner: str) -> Transaction[None]:
        """Give an owner its first secret, as a part of a transaction; one that has a secret keeps it."""
        yield from webhooks.add_secret(project_id, owner, self._vault.encrypt(_new_secret()))

    async def current(self, project_id: str, owner: str = PROJECT) -> SigningSecret:
        """The secret to verify with; made now, where there is none. Raises `Unavailable` under another master key."""
        rows = await self._live(project_id, owner)
        ends = max((row["expires_at"] for row in rows[1:]), default=None)
        return SigningSecret(self._vault.decrypt(rows[0]["ciphertext"]), ends)

    async def rotate(self, project_id: str, owner: str = PROJECT) -> SigningSecret:
        """A new secret; the one before signs for another day."""

        def rotation() -> Transaction[None]:
            yield from webhooks.retire_secrets(project_id, owner, now_ms() + OVERLAP_MS)
            yield from self.added(project_id, owner)

        await self._store.write(rotation())
        return await self.current(project_id, owner)

    async def signing(self, project_id: str, owner: str = PROJECT) -> Sequence[str]:
        """Every secret that signs now. Raises `Unavailable` when one was encrypted under another master key."""
        return [self._vault.decrypt(row["ciphertext"]) for row in await self._live(project_id, owner)]

    async def _live(self, project_id: str, owner: str) -> list[Any]:
        rows = await self._store.read(webhooks.live_secrets(project_id, owner, now_ms()))
        if rows and rows[0]["expires_at"] is None:
            return rows

        def first() -> Transaction[list[Any]]:
            yield from self.added(project_id, owner)
            return (yield from webhooks.live_secrets(project_id, owner, now_ms()))

        return await self._store.write(first())


def signed_headers(secrets: Sequence[str], message_id: str, timestamp: int, body: str) -> dict[str, str]:
    """The three headers of a message sent at `timestamp` (seconds since 1970), with a signature for each secret."""
    from standardwebhooks import Webhook

    moment = datetime.fromtimestamp(timestamp, UTC)
    signatures = [Webhook(secret).sign(message_id, moment, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def _new_secret() -> str:
    return PREFIX + base64.b64encode(randomness.token_bytes(SECRET_BYTES)).decode()
