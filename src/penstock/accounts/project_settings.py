"""What a project has chosen for whoever does not say otherwise."""

from __future__ import annotations

import msgspec

from penstock.errors import NotFound
from penstock.storage import accounts as sql
from penstock.storage.store import Store
from penstock.types import Tenant


class ProjectChoices(msgspec.Struct, frozen=True, rename="camel"):
    """`default_judge_model` is the model of judges and scorers that name none, `default_reflection_model` the one that
    proposes instructions in optimizations; None: the default model."""

    default_judge_model: str | None = None
    default_reflection_model: str | None = None


class ProjectSettings:
    """Reads and changes the choices of projects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, tenant: Tenant) -> ProjectChoices:
        """What a project has chosen."""
        settings = await self._store.read(sql.project_settings(tenant.project_id))
        return msgspec.json.decode(settings or "{}", type=ProjectChoices)

    async def change(self, tenant: Tenant, choices: ProjectChoices) -> None:
        """Replace them all. Raises `NotFound` for an unknown project."""
        values = {name: value for name, value in msgspec.to_builtins(choices).items() if value is not None}
        if not await self._store.write(sql.change_settings(tenant, ProjectChoices.__struct_encode_fields__, values)):
            raise NotFound("project_not_found", f"There is no project {tenant.project_id!r}.")
