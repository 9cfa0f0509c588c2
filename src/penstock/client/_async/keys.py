"""API keys and secrets: what is written once and never shown again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from penstock.client import calls
from penstock.client._async.transport import AsyncTransport
from penstock.client.objects import Key, NewKey, Secret


class AsyncKeys:
    """`client.keys`: who may call the API."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        expires_at: datetime | None = None,
        requests_per_minute: int | None = None,
    ) -> NewKey:
        """Make a key that ends at `expires_at` (with a time zone), or never.

        With `requests_per_minute` it has a limit of its own; else it shares its project's. Its `key` is in this answer
        only. It can be granted only what the calling key may do itself.
        """
        body: dict[str, Any] = {"name": name, "scopes": [*scopes]}
        if expires_at is not None:
            body["expiresAt"] = expires_at.isoformat()
        if requests_per_minute is not None:
            body["requestsPerMinute"] = requests_per_minute
        return await self._transport.fetch(calls.post("/keys", body), NewKey)

    def list(self) -> AsyncIterator[Key]:
        """Every key of the project, without its secret part."""
        return self._transport.pages("/keys", Key)

    async def revoke(self, key_id: str) -> Key:
        """End a key: the next call with it is refused with 401."""
        return await self._transport.fetch(calls.delete(f"/keys/{calls.segment(key_id)}"), Key)


class AsyncSecrets:
    """`client.secrets`: values that nodes use by name, such as the token of an API. Write-only."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def put(self, name: str, value: str) -> None:
        """Write a secret, or replace it. It is kept encrypted."""
        await self._transport.send(calls.put(f"/secrets/{calls.segment(name)}", {"value": value}))

    def list(self) -> AsyncIterator[Secret]:
        """The names of the secrets, never their values."""
        return self._transport.pages("/secrets", Secret)

    async def delete(self, name: str) -> None:
        """Forget a secret."""
        await self._transport.send(calls.delete(f"/secrets/{calls.segment(name)}"))
