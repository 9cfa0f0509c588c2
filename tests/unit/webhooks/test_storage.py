"""Deliveries in the store: what is looked for often is found by an index, and what is old goes in pieces."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from penstock.storage import deliveries, webhooks
from penstock.storage.deliveries import Attempt, NewDelivery, Standing
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import Transaction, rows_of
from penstock.types import Tenant

TENANT = Tenant("a" * 24, "b" * 24)


def _page(**wanted: Any) -> Transaction[list[Any]]:
    given: dict[str, Any] = {"endpoint_id": None, "execution_id": None, "status": None, **wanted}
    return deliveries.page(TENANT, **given, before_id="msg_z", limit=50)


PLANS = {
    "due": (lambda: deliveries.due(1, ["x", "y"], ["p", "q"], 40), "COVERING INDEX webhook_deliveries_due"),
    "page": (_page, "webhook_deliveries_by_project"),
    "page of an endpoint": (lambda: _page(endpoint_id="e"), "webhook_deliveries_by_endpoint"),
    "page of an execution": (lambda: _page(execution_id="e"), "webhook_deliveries_by_execution"),
    "page of a state": (lambda: _page(status="failed"), "webhook_deliveries_by_status"),
    "delete_some": (lambda: deliveries.delete_some(1, 10), "webhook_deliveries_over"),
    "any_enabled": (lambda: webhooks.any_enabled("p"), "webhook_endpoints_by_project"),
    "live_secrets": (lambda: webhooks.live_secrets("p", "", 1), "webhook_secrets_by_owner"),
}


@pytest.mark.parametrize(("query", "index"), PLANS.values(), ids=PLANS)
def test_what_is_asked_often_is_found_by_an_index(store: SqliteStore, query: Any, index: str) -> None:
    sql, *args = next(query())
    with closing(sqlite3.connect(store.path)) as database:
        values = {str(number): value for number, value in enumerate(args, 1)}
        plan = [row[3] for row in database.execute(f"explain query plan {sql}", values)]
    assert any(index in line for line in plan), plan
    assert not any("SCAN webhook" in line and "INDEX" not in line for line in plan), plan


def delivery(number: int) -> NewDelivery:
    return NewDelivery(f"msg_{number:024}", TENANT, None, "http://x/", "x", "exec_1", "execution.completed", "{}")


async def write(store: SqliteStore, statement: Any) -> None:
    def transaction() -> Transaction[None]:
        yield statement

    await store.write(transaction())


async def test_what_is_over_goes_in_pieces_with_its_attempts_and_what_waits_stays(store: SqliteStore) -> None:
    await write(store, deliveries.insert([delivery(n) for n in range(5)], 1))
    for number in range(4):
        attempt = Attempt(100 + number, 5, 200)
        delivered = Standing("delivered")
        await store.write(deliveries.record(delivery(number).id, attempt, delivered, url="http://x/", host="x"))
    assert await store.write(deliveries.delete_some(107, 2))
    assert not await store.write(deliveries.delete_some(107, 2))
    left = await store.read(rows_of("select id, status from webhook_deliveries order by id"))
    assert [row["status"] for row in left] == ["delivered", "delivered", "pending"]
    attempts = await store.read(rows_of("select delivery_id from webhook_attempts order by 1"))
    assert [row["delivery_id"] for row in attempts] == [row["id"] for row in left[:2]]


async def test_hosts_and_projects_that_are_full_are_passed_over(store: SqliteStore) -> None:
    await write(store, deliveries.insert([delivery(1)], 1))
    assert len(await store.read(deliveries.due(1, ["y"], ["p"], 10))) == 1
    assert await store.read(deliveries.due(0, [], [], 10)) == []
    assert await store.read(deliveries.due(1, ["x"], [], 10)) == []
    assert await store.read(deliveries.due(1, ["y"], [TENANT.project_id], 10)) == []


async def test_of_secrets_made_at_once_one_counts(store: SqliteStore) -> None:
    for text in ("one", "two"):
        await store.write(webhooks.add_secret("p", "", text))
    assert [row["ciphertext"] for row in await store.read(webhooks.live_secrets("p", "", 1))] == ["one"]
