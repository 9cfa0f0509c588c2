"""From what has happened to who is to be told of it: rows of the outbox become deliveries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.executions.service import ExecutionService
from penstock.failpoints import reached
from penstock.ids import new_id
from penstock.storage import deliveries, outbox, webhooks
from penstock.storage.deliveries import NewDelivery
from penstock.storage.store import Store, Transaction
from penstock.types import Tenant
from penstock.webhooks.payloads import PAUSED, message, payload_of
from penstock.webhooks.urls import host_of

AT_ONCE = 32
ID_PREFIX = "msg_"


def new_message_id() -> str:
    """The id of a message, which its receiver sees as `webhook-id`: `msg_` and 24 hexadecimal digits."""
    return ID_PREFIX + new_id()


async def announce_waiting(store: Store, executions: ExecutionService) -> bool:
    """Turn what waits in the outbox into deliveries, the oldest first; True when there may be more.

    A row is taken away in the transaction that writes its deliveries, so none is lost and none is made twice.
    """
    rows = await store.read(outbox.waiting(AT_ONCE))
    # One that cannot be announced is heard of when the others have been.
    announced = await asyncio.gather(*(_announce(store, executions, row) for row in rows), return_exceptions=True)
    for failure in announced:
        if failure is not None:
            raise failure
    return len(rows) == AT_ONCE


def tell(tenant: Tenant, event: str, execution_id: str | None, data: Any) -> Transaction[None]:
    """Tell the project's endpoints of something other than an execution's status, in the transaction in which it
    happens."""
    now = now_ms()
    body = message(event, now, data)
    endpoints = yield from webhooks.enabled_endpoints(tenant.project_id)
    told = [
        NewDelivery(new_message_id(), tenant, one["id"], one["url"], host_of(one["url"]), execution_id, event, body)
        for one in endpoints
        if event in msgspec.json.decode(one["events"])
    ]
    if told:
        yield deliveries.insert(told, now)


async def _announce(store: Store, executions: ExecutionService, row: Any) -> None:
    body = await payload_of(executions, row)
    await store.write(_deliver(row, body))


def _deliver(row: Any, body: str) -> Transaction[None]:
    if not (yield from outbox.take(row["no"])):
        return
    endpoints = yield from webhooks.enabled_endpoints(row["project_id"])
    told = list(_deliveries(row, endpoints, body))
    if told:
        yield deliveries.insert(told, now_ms())
    reached("webhook.in_transaction")


def _deliveries(row: Any, endpoints: list[Any], body: str) -> Iterator[NewDelivery]:
    event = f"execution.{row['status']}"
    targets = [(one["id"], one["url"]) for one in endpoints if event in msgspec.json.decode(one["events"])]
    if row["webhook_url"] is not None and event != PAUSED:
        targets.append((None, row["webhook_url"]))
    tenant = Tenant(row["organization_id"], row["project_id"])
    for endpoint_id, url in targets:
        yield NewDelivery(new_message_id(), tenant, endpoint_id, url, host_of(url), row["execution_id"], event, body)
