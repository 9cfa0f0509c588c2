"""Other systems that an organization works with: where they are, and whether they answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from penstock.accounts.secrets import SecretVault
from penstock.errors import Conflict, NotFound, StepError
from penstock.net.client import GuardedClient, RequestOptions
from penstock.storage import integrations as sql
from penstock.storage.store import Store
from penstock.types import JsonObject, Tenant

TEST_SECONDS = 10.0
_REFUSED = 400


@dataclass(frozen=True, slots=True)
class Integration:
    """A record of another system. `secret_name` is a secret of the project `tenant`, sent as its bearer token."""

    id: str
    tenant: Tenant
    name: str
    type: str
    host_url: str
    secret_name: str | None
    config: JsonObject
    active: bool
    created_by: str
    created_at: int


@dataclass(frozen=True, slots=True)
class NewIntegration:
    """What is said of one that is to be recorded. `config` is kept as it is and shown to whoever may read it."""

    name: str
    type: str
    host_url: str
    secret_name: str | None
    config: JsonObject


@dataclass(frozen=True, slots=True)
class Reached:
    """Whether the other system answered, and what there is to say about it."""

    success: bool
    message: str


class Integrations:
    """The integrations of all organizations. Every project of an organization sees all of its integrations."""

    def __init__(self, store: Store, http: GuardedClient, secrets: SecretVault) -> None:
        self._store = store
        self._http = http
        self._secrets = secrets

    async def create(self, tenant: Tenant, wanted: NewIntegration, created_by: str) -> Integration:
        """Raises `Conflict` when the organization has one of this name."""
        row = await self._store.write(
            sql.insert(
                tenant,
                name=wanted.name,
                kind=wanted.type,
                host_url=wanted.host_url,
                secret_name=wanted.secret_name,
                config=json.dumps(wanted.config),
                created_by=created_by,
            )
        )
        if row is None:
            raise Conflict("integration_exists", f"An integration named {wanted.name!r} already exists.")
        return _integration(row)

    async def get(self, tenant: Tenant, id_or_name: str) -> Integration:
        """Raises `NotFound`."""
        row = await self._store.read(sql.get(tenant, id_or_name))
        if row is None:
            raise _unknown(id_or_name)
        return _integration(row)

    async def page(self, tenant: Tenant, after_name: str, limit: int, offset: int = 0) -> list[Integration]:
        """In the order of their names."""
        return [_integration(row) for row in await self._store.read(sql.page(tenant, after_name, limit, offset))]

    async def switch(self, tenant: Tenant, id_or_name: str, active: bool) -> Integration:
        """Say whether it is in use. Raises `NotFound`."""
        found = await self.get(tenant, id_or_name)
        row = await self._store.write(sql.set_active(tenant, found.id, active))
        if row is None:
            raise _unknown(id_or_name)
        return _integration(row)

    async def delete(self, tenant: Tenant, id_or_name: str) -> None:
        """Raises `NotFound`."""
        found = await self.get(tenant, id_or_name)
        if not await self._store.write(sql.delete(tenant, found.id)):
            raise _unknown(id_or_name)

    async def test(self, tenant: Tenant, id_or_name: str) -> Reached:
        """Ask its host once, with its secret if it has one. Raises `NotFound`."""
        found = await self.get(tenant, id_or_name)
        try:
            headers = await self._headers(found)
            options = RequestOptions(timeout_seconds=TEST_SECONDS, max_bytes=64 * 1024, cut_body=True)
            response = await self._http.request("GET", found.host_url, headers=headers, options=options)
        except StepError as error:
            return Reached(False, error.message)
        answered = f"{found.host_url} answered with status {response.status}."
        return Reached(response.status < _REFUSED, answered)

    async def _headers(self, integration: Integration) -> dict[str, str]:
        if integration.secret_name is None:
            return {}
        token = await self._secrets.get(integration.tenant, integration.secret_name)
        return {"Authorization": f"Bearer {token}"}


def _integration(row: Any) -> Integration:
    return Integration(
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        name=row["name"],
        type=row["type"],
        host_url=row["host_url"],
        secret_name=row["secret_name"],
        config=json.loads(row["config"]),
        active=bool(row["active"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def _unknown(id_or_name: str) -> NotFound:
    return NotFound("integration_not_found", f"This organization has no integration {id_or_name!r}.")
