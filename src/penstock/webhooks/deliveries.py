"""Deliveries as callers see them: what was sent, how each attempt went, and sending it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from penstock.clock import now_ms
from penstock.errors import Conflict, NotFound
from penstock.storage import deliveries
from penstock.storage.deliveries import NewDelivery
from penstock.storage.store import Store, Transaction
from penstock.types import Tenant
from penstock.webhooks.announcing import new_message_id
from penstock.webhooks.endpoints import Endpoint, Endpoints
from penstock.webhooks.payloads import TEST, message
from penstock.webhooks.urls import host_of

REPLAYED_AT_ONCE = 500
SHOWN_ATTEMPTS = 100

DeliveryStatus = Literal["pending", "delivered", "failed"]


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Which deliveries to list; None is any."""

    endpoint_id: str | None = None
    execution_id: str | None = None
    status: DeliveryStatus | None = None


class Deliveries:
    """The deliveries of all tenants; each call names the tenant it is for. `wake` is called when there is work."""

    def __init__(self, store: Store, endpoints: Endpoints, wake: Callable[[], None]) -> None:
        self._store = store
        self._endpoints = endpoints
        self._wake = wake

    async def page(self, tenant: Tenant, wanted: DeliveryFilter, before_id: str | None, limit: int) -> Sequence[Any]:
        """Rows, newest first, from before an id."""
        return await self._store.read(
            deliveries.page(
                tenant,
                endpoint_id=wanted.endpoint_id,
                execution_id=wanted.execution_id,
                status=wanted.status,
                before_id=before_id,
                limit=limit,
            )
        )

    async def get(self, tenant: Tenant, delivery_id: str) -> tuple[Any, Sequence[Any]]:
        """A delivery's row and those of its last attempts, oldest first. Raises `NotFound`."""
        row = await self._row(tenant, delivery_id)
        return row, (await self._store.read(deliveries.attempts_of(tenant, delivery_id, SHOWN_ATTEMPTS)))[::-1]

    async def test(self, tenant: Tenant, endpoint_id: str) -> Any:
        """Send an endpoint a message of type `webhook.test`; its row. Raises `NotFound`, `Conflict` when disabled."""
        endpoint = await self._enabled(tenant, endpoint_id)
        now = now_ms()
        body = message(TEST, now, {"endpointId": endpoint.id})
        new = NewDelivery(new_message_id(), tenant, endpoint.id, endpoint.url, host_of(endpoint.url), None, TEST, body)

        def add() -> Transaction[None]:
            yield deliveries.insert([new], now)

        await self._store.write(add())
        self._wake()
        return await self._row(tenant, new.id)

    async def replay(self, tenant: Tenant, delivery_id: str) -> Any:
        """Send a delivery again, whatever became of it: the same message, from the start of the schedule; its row.

        Raises `NotFound`, or `Conflict` when its endpoint is disabled or deleted.
        """
        row = await self._row(tenant, delivery_id)
        if row["endpoint_id"] is not None:
            await self._enabled(tenant, row["endpoint_id"])
        await self._store.write(deliveries.reopen(tenant, delivery_id, now_ms()))
        self._wake()
        return await self._row(tenant, delivery_id)

    async def replay_failed(self, tenant: Tenant, endpoint_id: str, since: int) -> int:
        """Send again what an endpoint was not told of: deliveries that failed and were made at `since` (ms) or later.

        Returns how many. Raises `NotFound`, or `Conflict` when the endpoint is disabled.
        """
        await self._enabled(tenant, endpoint_id)
        now, replayed = now_ms(), 0
        while True:
            count = await self._store.write(deliveries.reopen_failed(tenant, endpoint_id, since, now, REPLAYED_AT_ONCE))
            replayed += count
            self._wake()
            if count < REPLAYED_AT_ONCE:
                return replayed

    async def _row(self, tenant: Tenant, delivery_id: str) -> Any:
        row = await self._store.read(deliveries.get(tenant, delivery_id))
        if row is None:
            raise NotFound("delivery_unknown", f"There is no delivery {delivery_id!r} in this project.")
        return row

    async def _enabled(self, tenant: Tenant, endpoint_id: str) -> Endpoint:
        endpoint = await self._endpoints.get(tenant, endpoint_id)
        if endpoint.disabled_at is not None:
            raise Conflict("endpoint_disabled", f"Endpoint {endpoint_id!r} is disabled; enable it first.")
        return endpoint
