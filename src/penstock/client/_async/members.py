"""People who sign in with an e-mail address and a password."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from penstock.client import calls
from penstock.client._async.transport import AsyncTransport
from penstock.client.objects import Member


class AsyncMembers:
    """`client.members`: who may sign in to the project, for programs that ask for a password and not for a key."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def add(self, email: str, password: str, *, name: str = "", scopes: Sequence[str] = ("admin",)) -> Member:
        """Let somebody sign in. `scopes` are what the keys of their sign-ins may do, at most what this key may."""
        body = {"email": email, "password": password, "name": name, "scopes": [*scopes]}
        return await self._transport.fetch(calls.post("/members", body), Member)

    def list(self) -> AsyncIterator[Member]:
        """Every member of the project, in the order of their addresses."""
        return self._transport.pages("/members", Member)

    async def remove(self, id_or_email: str) -> None:
        """No more sign-ins; the keys of earlier ones are revoked."""
        await self._transport.send(calls.delete(f"/members/{calls.segment(id_or_email)}"))
