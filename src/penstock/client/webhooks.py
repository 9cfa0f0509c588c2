"""Webhook endpoints and deliveries, as the server answers with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from penstock.client.objects import Record

EventType: TypeAlias = Literal[
    "execution.completed",
    "execution.failed",
    "execution.cancelled",
    "execution.timeout",
    "execution.paused",
    "trace_evaluation.threshold",
    "compute_units.low",
]
DeliveryStatus: TypeAlias = Literal["pending", "delivered", "failed"]


class WebhookEndpoint(Record, frozen=True, kw_only=True):
    """A URL that is told what becomes of executions. `disabled_reason` is `gone` (it answered 410) or `by_request`."""

    id: str
    url: str
    description: str = ""
    events: tuple[str, ...] = ()
    enabled: bool = True
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class NewWebhookEndpoint(WebhookEndpoint, frozen=True, kw_only=True):
    """An endpoint that was just added, with the `secret` that verifies its messages."""

    secret: str


class WebhookSecret(Record, frozen=True, kw_only=True):
    """The secret that verifies; until `previous_expires_at` messages are signed with the one before, too."""

    secret: str
    previous_expires_at: datetime | None = None


class WebhookAttempt(Record, frozen=True, kw_only=True):
    """One attempt: the status and first kilobyte of the answer, or the error."""

    number: int
    started_at: datetime | None = None
    duration_ms: int = 0
    status: int | None = None
    error_code: str | None = None
    error: str | None = None
    answer: str | None = None


class WebhookDelivery(Record, frozen=True, kw_only=True):
    """A message to one URL. Its `id` is the header `webhook-id`, the same over all attempts.

    `body` and `attempts` come with a single delivery only.
    """

    id: str
    url: str
    event: str
    status: DeliveryStatus
    endpoint_id: str | None = None
    execution_id: str | None = None
    reason: str | None = None
    attempt_count: int = 0
    next_attempt_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    body: dict[str, Any] | None = None
    attempts: tuple[WebhookAttempt, ...] = ()
