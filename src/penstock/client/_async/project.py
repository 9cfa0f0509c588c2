"""What belongs to the key's project, and what it has chosen."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.client import calls
from penstock.client._async.transport import AsyncTransport
from penstock.client.model_objects import ProjectBenchmarks, ProjectModels, ProjectSettings


class AsyncProject:
    """`client.project`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def models(self) -> ProjectModels:
        """The models of the project."""
        return await self._transport.fetch(calls.get("/project/models"), ProjectModels)

    async def set_models(self, models: Sequence[str]) -> ProjectModels:
        """Choose exactly these, by id, name or key. Raises BadRequestError naming each that there is not."""
        return await self._transport.fetch(calls.put("/project/models", {"ids": list(models)}), ProjectModels)

    async def benchmarks(self) -> ProjectBenchmarks:
        """The benchmarks of the project."""
        return await self._transport.fetch(calls.get("/project/benchmarks"), ProjectBenchmarks)

    async def set_benchmarks(self, ids: Sequence[str]) -> ProjectBenchmarks:
        """Choose exactly these."""
        return await self._transport.fetch(calls.put("/project/benchmarks", {"ids": list(ids)}), ProjectBenchmarks)

    async def settings(self) -> ProjectSettings:
        """What the project has chosen for whoever does not say otherwise."""
        return await self._transport.fetch(calls.get("/project/settings"), ProjectSettings)

    async def set_settings(self, settings: ProjectSettings) -> ProjectSettings:
        """Replace them all; None is the server's own."""
        return await self._transport.fetch(calls.put("/project/settings", settings.to_dict()), ProjectSettings)
