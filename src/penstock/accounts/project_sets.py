"""Which models and which benchmarks belong to a project. A set is chosen whole; without one the default holds."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.errors import FieldError, Invalid
from penstock.storage import project_sets as sql
from penstock.storage.store import Store
from penstock.types import Tenant

MAX_IDS = 10_000
MAX_ID_LENGTH = 300


class ProjectSets:
    """The sets of every project, as ids: what they stand for is known to the catalogs."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def models(self, tenant: Tenant) -> tuple[str, ...] | None:
        """The models that belong to a project, in the order they were given; None: it has chosen none, and has the
        default set."""
        return await self._store.read(sql.find(tenant.project_id, "models"))

    async def set_models(self, tenant: Tenant, ids: Sequence[str]) -> tuple[str, ...]:
        """Choose exactly these models; returns them, each once. Raises `Invalid`."""
        return await self._replace(tenant, "models", ids)

    async def benchmarks(self, tenant: Tenant) -> tuple[str, ...] | None:
        """The benchmarks that belong to a project; None: the default set."""
        return await self._store.read(sql.find(tenant.project_id, "benchmarks"))

    async def set_benchmarks(self, tenant: Tenant, ids: Sequence[str]) -> tuple[str, ...]:
        """Choose exactly these benchmarks; returns them, each once. Raises `Invalid`."""
        return await self._replace(tenant, "benchmarks", ids)

    async def _replace(self, tenant: Tenant, kind: sql.Kind, ids: Sequence[str]) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(ids))
        if len(chosen) > MAX_IDS:
            detail = f"A project has at most {MAX_IDS:,} {kind}; these are {len(chosen):,}."
            raise Invalid("set_too_large", detail, errors=(FieldError("ids", f"must be at most {MAX_IDS:,}"),))
        wrong = tuple(
            FieldError(f"ids[{n}]", f"must have 1 to {MAX_ID_LENGTH} characters")
            for n, one in enumerate(chosen)
            if not 0 < len(one) <= MAX_ID_LENGTH
        )
        if wrong:
            raise Invalid("set_invalid", f"Some of these ids can be none of {kind}.", errors=wrong)
        await self._store.write(sql.replace(tenant, kind, chosen))
        return chosen
