"""Webhook endpoints: the URLs of a project that are told what becomes of its executions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.errors import Conflict, FieldError, Invalid, NotFound
from penstock.net.client import GuardedClient
from penstock.storage import webhooks
from penstock.storage.executions import dumps, loads
from penstock.storage.store import Store, Transaction
from penstock.types import Tenant
from penstock.webhooks.payloads import EVENT_TYPES
from penstock.webhooks.signing import SigningSecret, SigningSecrets
from penstock.webhooks.urls import check_url

MAX_ENDPOINTS = 20
"""Per project: each end of an execution writes a delivery for every one of them."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL and the types of events it is told of. Times in milliseconds since 1970."""

    id: str
    url: str
    description: str
    events: tuple[str, ...]
    disabled_at: int | None
    disabled_reason: str | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What to change of an endpoint; None leaves it."""

    url: str | None = None
    description: str | None = None
    events: Sequence[str] | None = None
    enabled: bool | None = None


class Endpoints:
    """The endpoints of all tenants; each call names the tenant it is for."""

    def __init__(self, store: Store, http: GuardedClient, secrets: SigningSecrets) -> None:
        self._store = store
        self._http = http
        self._secrets = secrets

    async def create(
        self, tenant: Tenant, url: str, events: Sequence[str] | None = None, description: str = ""
    ) -> tuple[Endpoint, SigningSecret]:
        """Add an endpoint, for all events unless some are named, and make its secret.

        Raises `Invalid` for a URL or event that cannot be, `Conflict` when the project has as many as it may.
        """
        await check_url(self._http, url, "url")
        chosen = dumps(_checked(EVENT_TYPES if events is None else events))

        def add() -> Transaction[Any]:
            if (yield from webhooks.count_endpoints(tenant)) >= MAX_ENDPOINTS:
                raise Conflict("too_many_endpoints", f"A project has at most {MAX_ENDPOINTS} endpoints; delete one.")
            row = yield from webhooks.insert_endpoint(tenant, url=url, description=description, events=chosen)
            yield from self._secrets.added(tenant.project_id, row["id"])
            return row

        endpoint = _endpoint(await self._store.write(add()))
        return endpoint, await self._secrets.current(tenant.project_id, endpoint.id)

    async def get(self, tenant: Tenant, endpoint_id: str) -> Endpoint:
        """Raises `NotFound`, also for another tenant's."""
        return _endpoint(_found(await self._store.read(webhooks.get_endpoint(tenant, endpoint_id)), endpoint_id))

    async def list(self, tenant: Tenant, after_id: str, limit: int) -> Sequence[Endpoint]:
        """In the order in which they were made, from behind an id."""
        return [_endpoint(row) for row in await self._store.read(webhooks.page_of_endpoints(tenant, after_id, limit))]

    async def update(self, tenant: Tenant, endpoint_id: str, change: EndpointChange) -> Endpoint:
        """Change an endpoint. Enabled again, it is told of what happens from then on; see `Deliveries.replay_failed`.

        Raises `NotFound`, or `Invalid` as `create` does.
        """
        if change.url is not None:
            await check_url(self._http, change.url, "url")
        given: dict[str, Any] = {"url": change.url, "description": change.description}
        if change.events is not None:
            given["events"] = dumps(_checked(change.events))
        values = {name: value for name, value in given.items() if value is not None}

        def write() -> Transaction[Any]:
            row = _found((yield from webhooks.get_endpoint(tenant, endpoint_id)), endpoint_id)
            changed = {**{name: row[name] for name in row.keys()}, **values}  # noqa: SIM118 - a row is no mapping
            if change.enabled is True:
                changed |= {"disabled_at": None, "disabled_reason": None}
            elif change.enabled is False and row["disabled_at"] is None:
                changed |= {"disabled_at": now_ms(), "disabled_reason": "by_request"}
            return (yield from webhooks.update_endpoint(tenant, changed))

        return _endpoint(await self._store.write(write()))

    async def delete(self, tenant: Tenant, endpoint_id: str) -> None:
        """Remove an endpoint; what was not delivered to it yet will not be. Raises `NotFound`."""
        if not await self._store.write(webhooks.delete_endpoint(tenant, endpoint_id)):
            raise _unknown(endpoint_id)

    async def secret(self, tenant: Tenant, endpoint_id: str) -> SigningSecret:
        """Raises `NotFound`."""
        await self.get(tenant, endpoint_id)
        return await self._secrets.current(tenant.project_id, endpoint_id)

    async def rotate_secret(self, tenant: Tenant, endpoint_id: str) -> SigningSecret:
        """A new secret; the one before signs for another day. Raises `NotFound`."""
        await self.get(tenant, endpoint_id)
        return await self._secrets.rotate(tenant.project_id, endpoint_id)


def _endpoint(row: Any) -> Endpoint:
    return Endpoint(
        id=row["id"],
        url=row["url"],
        description=row["description"],
        events=msgspec.convert(loads(row["events"]), tuple[str, ...]),
        disabled_at=row["disabled_at"],
        disabled_reason=row["disabled_reason"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _found(row: Any | None, endpoint_id: str) -> Any:
    if row is None:
        raise _unknown(endpoint_id)
    return row


def _unknown(endpoint_id: str) -> NotFound:
    return NotFound("endpoint_unknown", f"There is no webhook endpoint {endpoint_id!r} in this project.")


def _checked(events: Sequence[str]) -> tuple[str, ...]:
    """The same types, each once. Raises `Invalid` for none, or one that does not exist."""
    chosen = tuple(dict.fromkeys(events))
    faults = tuple(
        FieldError(f"events[{n}]", f"{event!r} is no event type")
        for n, event in enumerate(chosen)
        if event not in EVENT_TYPES
    )
    if faults or not chosen:
        detail = f"Choose from these event types: {', '.join(EVENT_TYPES)}."
        raise Invalid("events_invalid", detail, errors=faults or (FieldError("events", "must not be empty"),))
    return chosen
