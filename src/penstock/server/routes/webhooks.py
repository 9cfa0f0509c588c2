"""`/webhooks`: endpoints, their secrets, and what was delivered to them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from starlette.responses import Response

from penstock.clock import iso
from penstock.server.answers import answer, maybe_iso, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, page_of, path_id, ref
from penstock.webhooks.deliveries import DeliveryFilter, DeliveryStatus
from penstock.webhooks.endpoints import Endpoint, EndpointChange
from penstock.webhooks.signing import SigningSecret

router = APIRouter(tags=["webhooks"])
Reads = Annotated[Call, needs("webhooks:read")]
Writes = Annotated[Call, needs("webhooks:write")]
EndpointId = Annotated[str, path_id("endpointId")]
DeliveryId = Annotated[str, path_id("deliveryId")]

_UNCACHED = {"Cache-Control": "no-store"}


class EndpointBody(BaseModel):
    """An endpoint to add."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str = Field(min_length=1, description="http or https, at most 2,048 characters, no user name in it.")
    events: list[str] | None = Field(None, max_length=50, description="Types of events; all of them when left out.")
    description: str = Field("", max_length=500, description="For people.")


class EndpointPatch(BaseModel):
    """What to change of an endpoint."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: str | None = Field(None, min_length=1)
    events: list[str] | None = Field(None, max_length=50)
    description: str | None = Field(None, max_length=500)
    enabled: bool | None = Field(None, description="`false` tells it nothing any more.")


class ReplayBody(BaseModel):
    """Which deliveries to send again."""

    model_config = ConfigDict(extra="forbid", strict=True)

    since: Annotated[AwareDatetime, Field(strict=False)] = Field(
        description="Those that failed and were made at this time or later; ISO 8601 with a zone."
    )


class WebhookEndpoint(msgspec.Struct, rename="camel", kw_only=True):
    """A URL that is told what becomes of executions. `disabledReason`: `gone` (it answered 410) or `by_request`."""

    id: str
    url: str
    description: str
    events: tuple[str, ...]
    enabled: bool
    disabled_at: str | None
    disabled_reason: str | None
    created_at: str
    updated_at: str


class NewWebhookEndpoint(WebhookEndpoint, rename="camel", kw_only=True):
    """An endpoint that has just been added, with the secret to verify its messages with."""

    secret: str


class WebhookSecret(msgspec.Struct, rename="camel", kw_only=True):
    """The secret to verify with. Until `previousExpiresAt` messages are signed with the one before, too."""

    secret: str
    previous_expires_at: str | None


class WebhookDelivery(msgspec.Struct, rename="camel", kw_only=True):
    """A message to one URL. Its `id` is the header `webhook-id`, the same over all attempts."""

    id: str
    endpoint_id: str | None
    url: str
    execution_id: str | None
    event: str
    status: str
    reason: str | None
    attempt_count: int
    next_attempt_at: str | None
    last_status: int | None
    last_error: str | None
    created_at: str
    finished_at: str | None


class WebhookAttempt(msgspec.Struct, rename="camel", kw_only=True):
    """One attempt: the status and first bytes of the answer, or the error."""

    number: int
    started_at: str
    duration_ms: int
    status: int | None
    error_code: str | None
    error: str | None
    answer: str | None


class WebhookDeliveryDetail(WebhookDelivery, rename="camel", kw_only=True):
    """A delivery with its message and its last hundred attempts."""

    body: dict[str, Any]
    attempts: list[WebhookAttempt]


class Replayed(msgspec.Struct, rename="camel", kw_only=True):
    """How many deliveries are sent again."""

    replayed: int


SCHEMAS = (
    EndpointBody,
    EndpointPatch,
    ReplayBody,
    WebhookEndpoint,
    NewWebhookEndpoint,
    WebhookSecret,
    WebhookDelivery,
    WebhookDeliveryDetail,
    Replayed,
)


@router.post(
    "/webhooks/endpoints",
    **doc(
        "Add a webhook endpoint",
        status=201,
        body=ref(EndpointBody),
        returns=ref(NewWebhookEndpoint),
        problems=(400, 409),
    ),
)
async def create_endpoint(call: Writes) -> Response:
    """The answer has the secret that its messages are signed with."""
    body = await call.body(EndpointBody)
    endpoint, made = await call.engine.webhooks.endpoints.create(
        call.tenant, body.url, body.events, description=body.description
    )
    shown = NewWebhookEndpoint(**msgspec.structs.asdict(_endpoint(endpoint)), secret=made.secret)
    return answer(shown, 201, {"Location": call.path(f"/webhooks/endpoints/{endpoint.id}"), **_UNCACHED})


@router.get("/webhooks/endpoints", **doc("List webhook endpoints", returns=page_of(WebhookEndpoint)))
async def list_endpoints(call: Reads, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """In the order in which they were added."""
    found = await call.engine.webhooks.endpoints.list(call.tenant, cursor or "", limit + 1)
    following = found[limit - 1].id if len(found) > limit else None
    return page([_endpoint(endpoint) for endpoint in found[:limit]], following)


@router.get(
    "/webhooks/endpoints/{endpointId}",
    **doc("Get a webhook endpoint", returns=ref(WebhookEndpoint), problems=(404,)),
)
async def get_endpoint(call: Reads, endpoint_id: EndpointId) -> Response:
    """Without its secret."""
    return answer(_endpoint(await call.engine.webhooks.endpoints.get(call.tenant, endpoint_id)))


@router.patch(
    "/webhooks/endpoints/{endpointId}",
    **doc("Change a webhook endpoint", body=ref(EndpointPatch), returns=ref(WebhookEndpoint), problems=(400, 404)),
)
async def update_endpoint(call: Writes, endpoint_id: EndpointId) -> Response:
    """What is left out stays. One that was disabled is told of what happens after it is enabled again."""
    body = await call.body(EndpointPatch)
    change = EndpointChange(url=body.url, description=body.description, events=body.events, enabled=body.enabled)
    return answer(_endpoint(await call.engine.webhooks.endpoints.update(call.tenant, endpoint_id, change)))


@router.delete("/webhooks/endpoints/{endpointId}", **doc("Delete a webhook endpoint", status=204, problems=(404,)))
async def delete_endpoint(call: Writes, endpoint_id: EndpointId) -> Response:
    """With its secret. Its deliveries can still be looked at; those that wait are given up."""
    await call.engine.webhooks.endpoints.delete(call.tenant, endpoint_id)
    return nothing()


@router.get(
    "/webhooks/endpoints/{endpointId}/secret",
    **doc("Show an endpoint's secret", returns=ref(WebhookSecret), problems=(404,)),
)
async def get_endpoint_secret(call: Writes, endpoint_id: EndpointId) -> Response:
    """To verify its messages with."""
    return _secret(await call.engine.webhooks.endpoints.secret(call.tenant, endpoint_id))


@router.post(
    "/webhooks/endpoints/{endpointId}/rotate-secret",
    **doc("Rotate an endpoint's secret", returns=ref(WebhookSecret), problems=(404,)),
)
async def rotate_endpoint_secret(call: Writes, endpoint_id: EndpointId) -> Response:
    """For 24 hours messages carry a signature of the new secret and one of the secret before."""
    return _secret(await call.engine.webhooks.endpoints.rotate_secret(call.tenant, endpoint_id))


@router.post(
    "/webhooks/endpoints/{endpointId}/test",
    **doc("Send a test message", status=202, returns=ref(WebhookDelivery), problems=(404, 409)),
)
async def test_endpoint(call: Writes, endpoint_id: EndpointId) -> Response:
    """Of type `webhook.test`, signed and attempted as any other; the answer is its delivery."""
    return _accepted(call, await call.engine.webhooks.deliveries.test(call.tenant, endpoint_id))


@router.post(
    "/webhooks/endpoints/{endpointId}/replay",
    **doc(
        "Send an endpoint what it missed", body=ref(ReplayBody), returns=ref(Replayed), status=202, problems=(404, 409)
    ),
)
async def replay_failed(call: Writes, endpoint_id: EndpointId) -> Response:
    """Every delivery to it that failed since a time, with the same `webhook-id`."""
    body = await call.body(ReplayBody)
    since = int(body.since.timestamp() * 1000)
    count = await call.engine.webhooks.deliveries.replay_failed(call.tenant, endpoint_id, since)
    return answer(Replayed(replayed=count), 202)


@router.get("/webhooks/secret", **doc("Show the project's secret", returns=ref(WebhookSecret)))
async def get_secret(call: Writes) -> Response:
    """The one that signs messages to URLs that came with a call."""
    return _secret(await call.engine.webhooks.secrets.current(call.tenant.project_id))


@router.post("/webhooks/rotate-secret", **doc("Rotate the project's secret", returns=ref(WebhookSecret)))
async def rotate_secret(call: Writes) -> Response:
    """For 24 hours messages carry a signature of the new secret and one of the secret before."""
    return _secret(await call.engine.webhooks.secrets.rotate(call.tenant.project_id))


@router.get("/webhooks/deliveries", **doc("List deliveries", returns=page_of(WebhookDelivery), problems=(400,)))
async def list_deliveries(
    call: Reads,
    endpoint: Annotated[str | None, Query(max_length=100, description="Only to this endpoint.")] = None,
    execution: Annotated[str | None, Query(max_length=100, description="Only about this execution.")] = None,
    status: Annotated[DeliveryStatus | None, Query(description="Only in this state.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """Newest first."""
    wanted = DeliveryFilter(endpoint, execution, status)
    rows = await call.engine.webhooks.deliveries.page(call.tenant, wanted, cursor, limit + 1)
    following = rows[limit - 1]["id"] if len(rows) > limit else None
    return page([_delivery(row) for row in rows[:limit]], following)


@router.get(
    "/webhooks/deliveries/{deliveryId}",
    **doc("Get a delivery", returns=ref(WebhookDeliveryDetail), problems=(404,)),
)
async def get_delivery(call: Reads, delivery_id: DeliveryId) -> Response:
    """With its message and each attempt."""
    row, attempts = await call.engine.webhooks.deliveries.get(call.tenant, delivery_id)
    shown = WebhookDeliveryDetail(
        **msgspec.structs.asdict(_delivery(row)),
        body=msgspec.json.decode(row["body"]),
        attempts=[_attempt(attempt) for attempt in attempts],
    )
    return answer(shown)


@router.post(
    "/webhooks/deliveries/{deliveryId}/replay",
    **doc("Send a delivery again", status=202, returns=ref(WebhookDelivery), problems=(404, 409)),
)
async def replay_delivery(call: Writes, delivery_id: DeliveryId) -> Response:
    """The same message with the same `webhook-id`, whatever became of it, from the start of the schedule."""
    return _accepted(call, await call.engine.webhooks.deliveries.replay(call.tenant, delivery_id))


def _endpoint(endpoint: Endpoint) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=endpoint.id,
        url=endpoint.url,
        description=endpoint.description,
        events=endpoint.events,
        enabled=endpoint.disabled_at is None,
        disabled_at=maybe_iso(endpoint.disabled_at),
        disabled_reason=endpoint.disabled_reason,
        created_at=iso(endpoint.created_at),
        updated_at=iso(endpoint.updated_at),
    )


def _secret(found: SigningSecret) -> Response:
    shown = WebhookSecret(secret=found.secret, previous_expires_at=maybe_iso(found.previous_expires_at))
    return answer(shown, headers=_UNCACHED)


def _accepted(call: Call, row: Any) -> Response:
    shown = _delivery(row)
    return answer(shown, 202, {"Location": call.path(f"/webhooks/deliveries/{shown.id}")})


def _delivery(row: Any) -> WebhookDelivery:
    return WebhookDelivery(
        id=row["id"],
        endpoint_id=row["endpoint_id"],
        url=row["url"],
        execution_id=row["execution_id"],
        event=row["event"],
        status=row["status"],
        reason=row["reason"],
        attempt_count=row["attempts"],
        next_attempt_at=maybe_iso(row["next_attempt_at"]),
        last_status=row["last_status"],
        last_error=row["last_error"],
        created_at=iso(row["created_at"]),
        finished_at=maybe_iso(row["finished_at"]),
    )


def _attempt(row: Any) -> WebhookAttempt:
    return WebhookAttempt(
        number=row["number"],
        started_at=iso(row["started_at"]),
        duration_ms=row["duration_ms"],
        status=row["status"],
        error_code=row["error_code"],
        error=row["error"],
        answer=row["answer"],
    )
