# Made from ../_async by scripts/unasync.py: change it there.
"""Webhooks: which URLs are told what becomes of executions, and what was delivered to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from penstock.client import calls
from penstock.client._sync.transport import Transport
from penstock.client.webhooks import (
    DeliveryStatus,
    EventType,
    NewWebhookEndpoint,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookSecret,
)

_ENDPOINTS = "/webhooks/endpoints"
_DELIVERIES = "/webhooks/deliveries"


class Webhooks:
    """`client.webhooks`: endpoints of the project, their secrets, and deliveries."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create_endpoint(
        self, url: str, *, events: Sequence[EventType] | None = None, description: str = ""
    ) -> NewWebhookEndpoint:
        """Add a URL that is told of all events, or of these. The `secret` in the answer verifies its messages.

        Raises BadRequestError for a URL that cannot be.
        """
        body = {"url": url, "events": None if events is None else [*events], "description": description}
        return self._transport.fetch(calls.post(_ENDPOINTS, body), NewWebhookEndpoint)

    def endpoints(self) -> Iterator[WebhookEndpoint]:
        """Every endpoint of the project."""
        return self._transport.pages(_ENDPOINTS, WebhookEndpoint)

    def endpoint(self, endpoint_id: str) -> WebhookEndpoint:
        """One endpoint. Raises NotFoundError."""
        return self._transport.fetch(calls.get(_endpoint(endpoint_id)), WebhookEndpoint)

    def update_endpoint(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        events: Sequence[EventType] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> WebhookEndpoint:
        """Change what is given. `enabled=False` tells it nothing any more."""
        given = {"url": url, "events": events, "description": description, "enabled": enabled}
        body = {name: value for name, value in given.items() if value is not None}
        return self._transport.fetch(calls.patch(_endpoint(endpoint_id), body), WebhookEndpoint)

    def delete_endpoint(self, endpoint_id: str) -> None:
        """Remove an endpoint; what waits for it is given up."""
        self._transport.send(calls.delete(_endpoint(endpoint_id)))

    def test_endpoint(self, endpoint_id: str) -> WebhookDelivery:
        """Send it a message of type `webhook.test`; returns the delivery."""
        return self._transport.fetch(calls.post(f"{_endpoint(endpoint_id)}/test"), WebhookDelivery)

    def secret(self, endpoint_id: str | None = None) -> WebhookSecret:
        """The secret of an endpoint, or the project's own, which signs for URLs that came with a call."""
        path = "/webhooks" if endpoint_id is None else _endpoint(endpoint_id)
        return self._transport.fetch(calls.get(f"{path}/secret"), WebhookSecret)

    def rotate_secret(self, endpoint_id: str | None = None) -> WebhookSecret:
        """Make a new secret for an endpoint or the project; the one before signs for another 24 hours."""
        path = "/webhooks" if endpoint_id is None else _endpoint(endpoint_id)
        return self._transport.fetch(calls.post(f"{path}/rotate-secret"), WebhookSecret)

    def deliveries(
        self,
        *,
        endpoint_id: str | None = None,
        execution_id: str | None = None,
        status: DeliveryStatus | None = None,
        limit: int | None = None,
    ) -> Iterator[WebhookDelivery]:
        """Deliveries, newest first: all of these, or the first `limit`."""
        return self._transport.pages(
            _DELIVERIES, WebhookDelivery, most=limit, endpoint=endpoint_id, execution=execution_id, status=status
        )

    def delivery(self, delivery_id: str) -> WebhookDelivery:
        """One delivery with its message and each attempt. Raises NotFoundError."""
        return self._transport.fetch(calls.get(_delivery(delivery_id)), WebhookDelivery)

    def replay(self, delivery_id: str) -> WebhookDelivery:
        """Send a delivery again, whatever became of it: the same message under the same `webhook-id`."""
        call = calls.post(f"{_delivery(delivery_id)}/replay", repeatable=True)
        return self._transport.fetch(call, WebhookDelivery)

    def replay_failed(self, endpoint_id: str, since: datetime) -> int:
        """Send an endpoint every delivery that failed and was made at `since` (with a time zone) or later.

        Returns how many there are.
        """
        call = calls.post(f"{_endpoint(endpoint_id)}/replay", {"since": since.isoformat()}, repeatable=True)
        replayed: int = (self._transport.send(call)).json()["replayed"]
        return replayed


def _endpoint(endpoint_id: str) -> str:
    return f"{_ENDPOINTS}/{calls.segment(endpoint_id)}"


def _delivery(delivery_id: str) -> str:
    return f"{_DELIVERIES}/{calls.segment(delivery_id)}"
