"""Sends what is due, in the process that works: bounded in all, per host and per project, so none holds up the others.

The store is the queue. What is in flight when the process dies is still due when it comes back.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any

from penstock.clock import now_ms
from penstock.errors import Unavailable
from penstock.executions.patience import RETRY_SECONDS, patiently
from penstock.executions.service import ExecutionService
from penstock.failpoints import reached
from penstock.net.client import GuardedClient
from penstock.storage import deliveries, webhooks
from penstock.storage.deliveries import Attempt, Standing
from penstock.storage.store import Store, Transaction
from penstock.storage.webhooks import PROJECT
from penstock.webhooks.announcing import announce_waiting
from penstock.webhooks.policy import DeliveryPolicy, standing_after
from penstock.webhooks.sending import Message, Sent, send
from penstock.webhooks.signing import SigningSecrets
from penstock.webhooks.urls import host_of

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""How often the store is asked what is to be announced and what is due."""
GRACE_SECONDS = 2.0
"""So long attempts in flight may go on when the process stops; what is cut off is attempted again."""


class WebhookDispatcher:
    """The sender of one process. `wake` lets it look at once."""

    def __init__(
        self,
        store: Store,
        http: GuardedClient,
        secrets: SigningSecrets,
        executions: ExecutionService,
        policy: DeliveryPolicy,
    ) -> None:
        self._store = store
        self._http = http
        self._secrets = secrets
        self._executions = executions
        self._policy = policy
        self._wake = asyncio.Event()
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._per_host: Counter[str] = Counter()
        self._per_project: Counter[str] = Counter()
        self._loop_task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send, first what an earlier process left."""
        self._loop_task = asyncio.create_task(self._look_forever(), name="penstock-webhooks")

    async def stop(self) -> None:
        """End; attempts in flight get a moment to come back."""
        if self._loop_task is None:
            return
        self._loop_task.cancel()
        await asyncio.wait((self._loop_task,))
        if self._in_flight:
            _, late = await asyncio.wait(self._in_flight.values(), timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    async def _look_forever(self) -> None:
        while True:
            self._wake.clear()
            try:
                while await announce_waiting(self._store, self._executions):
                    await self._begin_due()
                await self._begin_due()
            except Unavailable as error:
                logger.error("webhooks wait for the store: %s", error.detail)
                await asyncio.sleep(RETRY_SECONDS)
            except Exception:
                # The boundary of the process's own loop: nothing would be sent any more without it.
                logger.exception("sending webhooks broke; going on in a moment")
                await asyncio.sleep(RETRY_SECONDS)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _begin_due(self) -> None:
        """Begin as much of what is due as there are places; look again while some stood behind what is full."""
        begun = True
        while begun and (free := self._policy.at_once - len(self._in_flight)) > 0:
            hosts = [host for host, count in self._per_host.items() if count >= self._policy.per_host]
            projects = [project for project, count in self._per_project.items() if count >= self._policy.per_project]
            rows = await self._store.read(deliveries.due(now_ms(), hosts, projects, free + len(self._in_flight)))
            begun = False
            for row in rows:
                begun = self._begin(row["id"], row["host"], row["project_id"]) or begun

    def _begin(self, delivery_id: str, host: str, project_id: str) -> bool:
        full = (
            len(self._in_flight) >= self._policy.at_once
            or self._per_host[host] >= self._policy.per_host
            or self._per_project[project_id] >= self._policy.per_project
        )
        if full or delivery_id in self._in_flight:
            return False
        self._per_host[host] += 1
        self._per_project[project_id] += 1
        task = asyncio.create_task(self._attend(delivery_id, host, project_id), name=f"webhook {delivery_id}")
        self._in_flight[delivery_id] = task
        return True

    async def _attend(self, delivery_id: str, host: str, project_id: str) -> None:
        try:
            await self._deliver(delivery_id)
        except Unavailable as error:
            # Of the store: the delivery is still due, and a pause keeps it from being tried without end.
            logger.error("webhook %s to %s waits: %s", delivery_id, host, error.detail)
            await asyncio.sleep(RETRY_SECONDS)
        except Exception:
            # The boundary of one delivery: the others go on.
            logger.exception("webhook %s to %s broke", delivery_id, host)
            await asyncio.sleep(RETRY_SECONDS)
        finally:
            del self._in_flight[delivery_id]
            for counter, name in ((self._per_host, host), (self._per_project, project_id)):
                counter[name] -= 1
                if not counter[name]:
                    del counter[name]
            self._wake.set()

    async def _deliver(self, delivery_id: str) -> None:
        row = await self._store.read(deliveries.to_send(delivery_id))
        if row is None:
            return
        obstacle = _obstacle(row)
        if obstacle is not None:
            await patiently(self._store, lambda: deliveries.give_up(delivery_id, obstacle, now_ms()))
            return
        sent = await self._attempt(row)
        reached("webhook.answered")
        standing = standing_after(sent.attempt, row["step"], sent.retry_after_seconds, self._policy.schedule_seconds)
        await patiently(self._store, lambda: _recorded(row, sent.attempt, standing))
        if standing.status == "failed":
            logger.warning("webhook %s to %s was given up: %s", delivery_id, row["host"], standing.reason)

    async def _attempt(self, row: Any) -> Sent:
        try:
            secrets = await self._secrets.signing(row["project_id"], row["endpoint_id"] or PROJECT)
        except Unavailable as error:
            if error.code != "secret_unreadable":
                raise
            return Sent(Attempt(now_ms(), 0, error_code=error.code, error=error.detail))
        message = Message(row["id"], row["target"], row["body"], secrets)
        return await send(self._http, message, self._policy.timeout_seconds)


def _obstacle(row: Any) -> str | None:
    """Why a delivery is not to be attempted at all; None when it is."""
    if row["endpoint_id"] is None:
        return None
    if row["endpoint_exists"] is None:
        return "endpoint_deleted"
    return "endpoint_disabled" if row["endpoint_disabled_at"] is not None else None


def _recorded(row: Any, attempt: Attempt, standing: Standing) -> Transaction[None]:
    url = row["target"]
    yield from deliveries.record(row["id"], attempt, standing, url=url, host=host_of(url))
    if standing.reason == "gone" and row["endpoint_id"] is not None:
        yield from webhooks.disable_endpoint(row["project_id"], row["endpoint_id"], "gone")
