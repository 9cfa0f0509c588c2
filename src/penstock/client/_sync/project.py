# Made from ../_async by scripts/unasync.py: change it there.
"""What belongs to the key's project, and what it has chosen."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.client import calls
from penstock.client._sync.transport import Transport
from penstock.client.model_objects import ProjectBenchmarks, ProjectModels, ProjectSettings


class Project:
    """`client.project`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def models(self) -> ProjectModels:
        """The models of the project."""
        return self._transport.fetch(calls.get("/project/models"), ProjectModels)

    def set_models(self, models: Sequence[str]) -> ProjectModels:
        """Choose exactly these, by id, name or key. Raises BadRequestError naming each that there is not."""
        return self._transport.fetch(calls.put("/project/models", {"ids": list(models)}), ProjectModels)

    def benchmarks(self) -> ProjectBenchmarks:
        """The benchmarks of the project."""
        return self._transport.fetch(calls.get("/project/benchmarks"), ProjectBenchmarks)

    def set_benchmarks(self, ids: Sequence[str]) -> ProjectBenchmarks:
        """Choose exactly these."""
        return self._transport.fetch(calls.put("/project/benchmarks", {"ids": list(ids)}), ProjectBenchmarks)

    def settings(self) -> ProjectSettings:
        """What the project has chosen for whoever does not say otherwise."""
        return self._transport.fetch(calls.get("/project/settings"), ProjectSettings)

    def set_settings(self, settings: ProjectSettings) -> ProjectSettings:
        """Replace them all; None is the server's own."""
        return self._transport.fetch(calls.put("/project/settings", settings.to_dict()), ProjectSettings)
