"""Organizations and their projects. Everything else belongs to a project, and so to an organization."""

from __future__ import annotations

from penstock.errors import Conflict
from penstock.storage import accounts as sql
from penstock.storage.store import Store, Transaction, UniqueViolation
from penstock.types import Tenant

DEFAULT_NAME = "default"


async def create_organization(store: Store, name: str) -> str:
    """Add an organization; returns its id. Names need not be unique."""
    return await store.write(sql.insert_organization(name))


async def create_project(store: Store, organization_id: str, name: str) -> Tenant:
    """Add a project. Raises `Conflict` when the organization has one of that name."""
    try:
        return await store.write(sql.insert_project(organization_id, name))
    except UniqueViolation:
        raise Conflict("project_exists", f"The organization already has a project named {name!r}.") from None


async def default_project(store: Store) -> tuple[Tenant, bool]:
    """The project of the first start, and whether this call has just made it (and its organization)."""
    return await store.write(_default_project())


async def names_of(store: Store, tenant: Tenant) -> tuple[str, str]:
    """What a tenant's organization and project are called."""
    row = await store.read(sql.names_of(tenant))
    return row["organization"], row["project"]


def _default_project() -> Transaction[tuple[Tenant, bool]]:
    tenant = yield from sql.first_project()
    if tenant is not None:
        return tenant, False
    organization_id = yield from sql.insert_organization(DEFAULT_NAME)
    return (yield from sql.insert_project(organization_id, DEFAULT_NAME)), True
