"""What a project may have of what all share."""

from __future__ import annotations

from penstock.client import calls
from penstock.client._async.transport import AsyncTransport
from penstock.client.objects import ProjectLimits


class AsyncLimits:
    """`client.limits`: the limits of the key's project."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(self) -> ProjectLimits:
        """The project's limits, and those that hold."""
        return await self._transport.fetch(calls.get("/limits"), ProjectLimits)

    async def set(self, limits: ProjectLimits) -> ProjectLimits:
        """Replace them all; None is the server's own. `effective` is not sent."""
        values = {name: value for name, value in limits.to_dict().items() if name != "effective"}
        return await self._transport.fetch(calls.put("/limits", values), ProjectLimits)
