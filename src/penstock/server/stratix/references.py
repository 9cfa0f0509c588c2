"""Models by their ids: evaluations, scorers and judges keep the name that a model was asked for by."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.errors import FieldError, NotFound
from penstock.models.catalog import Catalog
from penstock.models.public import public_id
from penstock.types import Tenant


@dataclass(frozen=True, slots=True)
class ModelReference:
    """A model as others refer to it. `target` is how Penstock's own calls name it: a saved one by its id, which no
    other model ever gets, a public one by its key."""

    id: str
    key: str
    name: str
    company: str
    target: str

    @property
    def known_as(self) -> tuple[str, ...]:
        """Everything that it may have been asked for by."""
        return tuple(dict.fromkeys((self.id, self.target, self.key, self.name)))


class ModelReferences:
    """Looks models up for one request, each once."""

    def __init__(self, catalog: Catalog, tenant: Tenant) -> None:
        self._catalog = catalog
        self._tenant = tenant
        self._known: dict[str, ModelReference] = {}

    async def find(self, reference: str) -> ModelReference | None:
        """The model with this id, key or name; None when there is none."""
        if reference not in self._known:
            found = await self._find(reference)
            if found is None:
                return None
            self._known[reference] = found
        return self._known[reference]

    async def wanted(self, reference: str, field: str) -> ModelReference:
        """The same of a model that a request names. Raises `NotFound` when there is none."""
        found = await self.find(reference)
        if found is None:
            detail = f"there is no model {reference!r}, neither in this project nor public"
            raise NotFound("model_unknown", f"{field}: {detail}.", errors=(FieldError(field, detail),))
        return found

    async def shown(self, reference: str) -> ModelReference:
        """The same for something that was made with it. What is no model any more keeps its name, and an id."""
        found = await self.find(reference)
        return found or ModelReference(public_id(reference), reference, reference, "", reference)

    async def _find(self, reference: str) -> ModelReference | None:
        try:
            saved = await self._catalog.get(self._tenant, reference)
        except NotFound:
            public = await self._catalog.public.find(reference)
            if public is None:
                return None
            return ModelReference(public.id, public.key, public.name, public.company or "", public.key)
        return ModelReference(saved.id, saved.key or saved.name, saved.name, "", saved.id)
