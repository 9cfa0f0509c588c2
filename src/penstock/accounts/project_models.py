"""The models of a project: the public ones and the saved ones that it has chosen, by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from penstock.accounts.project_sets import MAX_IDS, ProjectSets
from penstock.errors import FieldError, Invalid, NotFound
from penstock.models.catalog import Catalog
from penstock.types import Tenant


@dataclass(frozen=True, slots=True)
class ProjectModel:
    """One model of a project. `key` is how it is named in flows and evaluations; a saved one may do without."""

    id: str
    key: str | None
    name: str
    kind: Literal["public", "saved"]


@dataclass(frozen=True, slots=True)
class ProjectModelSet:
    """`chosen` is False while the default set holds."""

    chosen: bool
    models: Sequence[ProjectModel]


class ProjectModels:
    """Reads and replaces the sets of models."""

    def __init__(self, sets: ProjectSets, catalog: Catalog) -> None:
        self._sets = sets
        self._catalog = catalog

    async def of(self, tenant: Tenant) -> ProjectModelSet:
        """The models of a project, in the order they were chosen. What is gone meanwhile is left out.

        By default that is each usable provider's cheap model, and the local one.
        """
        ids = await self._sets.models(tenant)
        wanted = await self._catalog.public.default_ids() if ids is None else ids
        return ProjectModelSet(ids is not None, [model for model in await self._models(tenant, wanted) if model])

    async def replace(self, tenant: Tenant, references: Sequence[str]) -> ProjectModelSet:
        """Choose exactly these, each by its id, its name (a saved one) or its key. Raises `Invalid` naming each that
        there is not."""
        if len(references) > MAX_IDS:
            raise Invalid("set_too_large", f"A project has at most {MAX_IDS:,} models.")
        found = await self._models(tenant, references)
        unknown = tuple(
            FieldError(f"ids[{n}]", f"there is no model {references[n]!r}")
            for n, model in enumerate(found)
            if model is None
        )
        if unknown:
            raise Invalid("model_not_found", "Some of these models are unknown; nothing was changed.", errors=unknown)
        await self._sets.set_models(tenant, [model.id for model in found if model])
        return await self.of(tenant)

    async def _models(self, tenant: Tenant, references: Iterable[str]) -> list[ProjectModel | None]:
        return [await self._model(tenant, reference) for reference in references]

    async def _model(self, tenant: Tenant, reference: str) -> ProjectModel | None:
        public = await self._catalog.public.find(reference)
        if public is not None:
            return ProjectModel(public.id, public.key, public.name, "public")
        try:
            saved = await self._catalog.get(tenant, reference)
        except NotFound:
            return None
        return None if saved.disabled else ProjectModel(saved.id, saved.key, saved.name, "saved")
