"""What receivers get, and what becomes of a message when they do not take it."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from penstock.errors import Conflict, NotFound
from penstock.executions.item import ItemRun
from penstock.executions.model import RetryRequest
from penstock.storage.store import rows_of
from penstock.testing.core import TENANT, refuse
from penstock.types import Tenant
from penstock.webhooks.endpoints import EndpointChange
from penstock.webhooks.policy import DeliveryPolicy

from .conftest import HANG, QUICK, Receiver, Told, open_told, serve


async def test_an_endpoint_is_told_of_the_end_in_a_signed_message(told: Told, receiver: Receiver) -> None:
    endpoint, secret = await told.endpoint(receiver.url)
    execution = await told.run(metadata={"order": 7})
    (delivery,) = await told.over()
    (got,) = receiver.received
    said = got.verified(secret)
    assert said["type"] == "execution.completed"
    data = said["data"]
    assert (data["executionId"], data["status"], data["seq"]) == (execution.id, "completed", execution.seq)
    assert data["counts"]["succeeded"] == 2
    assert data["usage"]["costUsd"] == "0.0000"
    assert data["results"] == [{"double": 2}, {"double": 4}]
    assert data["metadata"] == {"order": 7}
    assert data["links"]["results"] == f"/executions/{execution.id}/results"
    assert data["error"] is None
    assert (delivery["id"], delivery["status"], delivery["endpoint_id"]) == (got.id, "delivered", endpoint)
    assert got.headers["content-type"] == "application/json"


async def test_results_that_are_large_are_left_to_be_fetched(told: Told, receiver: Receiver) -> None:
    async def long(item: ItemRun) -> Any:
        return "x" * 10_000

    await told.endpoint(receiver.url)
    await told.run(long)
    await told.over()
    assert "results" not in json.loads(receiver.received[0].body)["data"]


async def test_a_url_that_came_with_the_call_is_told_with_the_secret_of_the_project(
    told: Told, receiver: Receiver
) -> None:
    async def fail(item: ItemRun) -> Any:
        return await told.core.step(item, "try", lambda _: refuse("not today"))

    execution = await told.run(fail, webhook_url=receiver.url)
    (delivery,) = await told.over()
    secret = (await told.webhooks.secrets.current(TENANT.project_id)).secret
    said = receiver.received[0].verified(secret)
    assert said["type"] == "execution.failed"
    assert said["data"]["executionId"] == execution.id
    assert said["data"]["error"]["message"] == "not today"
    assert delivery["endpoint_id"] is None


async def test_who_asked_for_one_type_is_told_of_no_other(told: Told, receiver: Receiver, another: Receiver) -> None:
    await told.endpoint(receiver.url, "execution.failed", "execution.timeout")
    await told.endpoint(another.url, "execution.completed")
    await told.run()
    await told.over()
    assert len(another.received) == 1
    assert receiver.received == []


async def test_nothing_is_noted_where_nobody_listens(told: Told) -> None:
    await told.run()
    assert await told.core.store.read(rows_of("select * from outbox")) == []


@pytest.mark.parametrize(("work", "event"), [("cancel", "execution.cancelled"), ("deadline", "execution.timeout")])
async def test_every_kind_of_end_is_told(told: Told, receiver: Receiver, work: str, event: str) -> None:
    begun = asyncio.Event()

    async def wait(item: ItemRun) -> Any:
        begun.set()
        await asyncio.sleep(3600)

    _, secret = await told.endpoint(receiver.url)
    told.core.work = wait
    execution = await told.core.submit([1], deadline_ms=60_000 if work == "cancel" else 300)
    if work == "cancel":
        await begun.wait()
        await told.core.service.cancel(TENANT, execution.id)
    await told.over()
    said = receiver.received[0].verified(secret)
    assert said["type"] == event
    assert said["data"]["counts"]["succeeded"] == 0


async def test_one_that_was_cancelled_before_it_began_is_told_too(tmp_path: Path, receiver: Receiver) -> None:
    async with open_told(tmp_path) as told:
        told.core.dispatcher.works = False
        execution = await told.core.submit([1], webhook_url=receiver.url)
        await told.core.service.cancel(TENANT, execution.id)
        await told.over()
        assert json.loads(receiver.received[0].body)["type"] == "execution.cancelled"


async def test_endpoints_are_told_of_a_pause_and_urls_of_calls_only_of_the_end(
    told: Told, receiver: Receiver, another: Receiver
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(item: ItemRun) -> Any:
        begun.set()
        await go_on.wait()
        return {}

    await told.endpoint(receiver.url)
    told.core.work = wait
    execution = await told.core.submit([1, 2], concurrency=1, webhook_url=another.url)
    await begun.wait()
    pausing = asyncio.create_task(told.core.service.pause(TENANT, execution.id))
    await asyncio.sleep(0)
    go_on.set()
    await pausing
    await told.over()
    (got,) = receiver.received
    said = json.loads(got.body)
    assert said["type"] == "execution.paused"
    assert said["data"]["counts"]["succeeded"] + said["data"]["counts"]["pending"] == 2
    assert another.received == []


async def test_an_execution_that_ends_again_is_told_again(told: Told, receiver: Receiver) -> None:
    async def one_not(item: ItemRun) -> Any:
        return await told.core.step(item, "try", lambda _: refuse("not yet") if item.input == 1 else {})

    execution = await told.run(one_not, webhook_url=receiver.url)
    await told.over()
    told.core.work = _nothing
    await told.core.service.retry(TENANT, execution.id, RetryRequest())
    await told.core.finished(execution)
    await told.over(2)
    first, second = (json.loads(got.body)["data"] for got in receiver.received)
    assert first["counts"]["failed"] == 1
    assert (second["counts"]["failed"], second["generation"]) == (0, 1)
    assert first["seq"] < second["seq"]
    assert receiver.received[0].id != receiver.received[1].id


async def test_what_is_announced_late_tells_what_was_then(tmp_path: Path, receiver: Receiver) -> None:
    async with open_told(tmp_path, start=False) as told:

        async def fail(item: ItemRun) -> Any:
            return await told.core.step(item, "try", lambda _: refuse("at first") if item.input == 1 else {})

        execution = await told.run(fail, webhook_url=receiver.url)
        told.core.work = _nothing
        await told.core.service.retry(TENANT, execution.id, RetryRequest())
        await told.core.finished(execution)
        told.webhooks.dispatcher.start()
        await told.over(2)
    said = sorted((json.loads(got.body) for got in receiver.received), key=lambda one: one["data"]["seq"])
    assert [one["type"] for one in said] == ["execution.completed"] * 2
    assert [one["data"]["counts"]["failed"] for one in said] == [1, 0]
    assert "results" not in said[0]["data"], "they are not those of this end any more"
    assert said[1]["data"]["results"] == [None, {}]


async def test_an_execution_that_was_deleted_meanwhile_is_told_of_without_its_words(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with open_told(tmp_path, start=False) as told:

        async def fail(item: ItemRun) -> Any:
            return await told.core.step(item, "try", lambda _: refuse("card 4711"))

        execution = await told.run(fail, webhook_url=receiver.url)
        await told.core.service.delete(TENANT, execution.id)
        told.webhooks.dispatcher.start()
        await told.over()
    said = json.loads(receiver.received[0].body)
    assert (said["type"], said["data"]["executionId"]) == ("execution.failed", execution.id)
    assert said["data"]["error"]["code"] == "refused"
    assert b"4711" not in receiver.received[0].body


async def _nothing(item: ItemRun) -> Any:
    return None


# Faults


async def test_500_and_then_200(told: Told, receiver: Receiver) -> None:
    receiver.answers.extend([(500, {}, "busy"), 200])
    await told.run(webhook_url=receiver.url)
    (delivery,) = await told.over()
    assert delivery["status"] == "delivered"
    first, second = receiver.received
    assert first.id == second.id
    assert first.body == second.body
    attempts = await told.attempts(delivery)
    assert [(a["number"], a["status"], a["answer"]) for a in attempts] == [(1, 500, "busy"), (2, 200, "")]
    assert attempts[0]["error_code"] == "http_status"


async def test_a_receiver_that_never_takes_it_is_given_up_after_the_schedule(told: Told, receiver: Receiver) -> None:
    receiver.answers.extend([500] * 10)
    await told.run(webhook_url=receiver.url)
    (delivery,) = await told.over()
    assert (delivery["status"], delivery["reason"]) == ("failed", "attempts_exhausted")
    assert len(receiver.received) == delivery["attempts"] == len(QUICK.schedule_seconds)
    assert len({got.id for got in receiver.received}) == 1


async def test_a_redirect_is_a_failure_and_is_not_followed(told: Told, receiver: Receiver, another: Receiver) -> None:
    receiver.answers.extend([(307, {"Location": another.url}, "")] * 3)
    await told.run(webhook_url=receiver.url)
    (delivery,) = await told.over()
    assert delivery["status"] == "failed"
    assert "redirects are not followed" in delivery["last_error"]
    assert another.received == []


async def test_410_disables_the_endpoint_and_says_so(told: Told, receiver: Receiver) -> None:
    endpoint_id, _ = await told.endpoint(receiver.url)
    receiver.answers.append(410)
    await told.run()
    (delivery,) = await told.over()
    assert (delivery["status"], delivery["reason"], delivery["attempts"]) == ("failed", "gone", 1)
    endpoint = await told.webhooks.endpoints.get(TENANT, endpoint_id)
    assert endpoint.disabled_at is not None
    assert endpoint.disabled_reason == "gone"
    await told.run()
    assert await told.core.store.read(rows_of("select * from outbox")) == []
    with pytest.raises(Conflict, match="disabled"):
        await told.webhooks.deliveries.replay(TENANT, delivery["id"])


async def test_429_is_asked_again_when_it_says(told: Told, receiver: Receiver) -> None:
    receiver.answers.append((429, {"Retry-After": "3600"}, ""))
    await told.run(webhook_url=receiver.url)
    (delivery,) = await told.until(lambda found: bool(found) and found[0]["attempts"] == 1)
    (attempt,) = await told.attempts(delivery)
    assert delivery["next_attempt_at"] >= attempt["started_at"] + 3_600_000
    await told.webhooks.deliveries.replay(TENANT, delivery["id"])
    await told.over()
    assert len(receiver.received) == 2


async def test_a_receiver_that_was_away_gets_it_when_it_is_back(tmp_path: Path) -> None:
    async with serve(Receiver()) as gone:
        port = int(gone.url.rpartition(":")[2].partition("/")[0])
    patient = DeliveryPolicy(schedule_seconds=(0.0, *[0.05] * 400), timeout_seconds=1.0)
    async with open_told(tmp_path, patient) as told:
        await told.run(webhook_url=gone.url)
        (delivery,) = await told.until(lambda found: bool(found) and found[0]["attempts"] >= 2)
        assert delivery["last_status"] is None
        assert "could not be connected to" in delivery["last_error"]
        async with serve(Receiver(), port) as back:
            await told.over()
            assert [got.id for got in back.received] == [delivery["id"]]


async def test_one_that_hangs_is_cut_off_and_holds_up_nobody_else(
    tmp_path: Path, receiver: Receiver, another: Receiver
) -> None:
    receiver.answers.extend([HANG] * 100)
    slow = DeliveryPolicy(schedule_seconds=(0.0,), timeout_seconds=2.0, at_once=4, per_host=2)
    async with open_told(tmp_path, slow, start=False) as told:
        for _ in range(6):
            await told.run(webhook_url=receiver.url)
        await told.run(webhook_url=another.url)
        told.webhooks.dispatcher.start()
        await another.arrived(1)
        assert len(receiver.received) <= 2
        assert receiver.most_at_once <= 2
        receiver.let_go.set()
        found = await told.over(7)
        assert {delivery["status"] for delivery in found} == {"delivered"}
        assert receiver.most_at_once <= 2


async def test_a_tenant_whose_receivers_hang_holds_up_no_other(
    tmp_path: Path, receiver: Receiver, another: Receiver
) -> None:
    receiver.answers.extend([HANG] * 100)
    other = Tenant(TENANT.organization_id, "c" * 24)
    shared = DeliveryPolicy(schedule_seconds=(0.0,), timeout_seconds=60.0, at_once=4, per_host=4, per_project=2)
    async with open_told(tmp_path, shared, start=False) as told:
        for _ in range(6):
            await told.run(webhook_url=receiver.url)
        told.webhooks.dispatcher.start()
        await receiver.arrived(2)
        theirs, _ = await told.webhooks.endpoints.create(other, another.url)
        await told.webhooks.deliveries.test(other, theirs.id)
        await another.arrived(1)
        assert receiver.most_at_once <= 2
        receiver.let_go.set()
        await told.over(6)
        assert receiver.most_at_once <= 2


async def test_a_timeout_is_an_attempt(told: Told, receiver: Receiver) -> None:
    receiver.answers.append(HANG)
    await told.run(webhook_url=receiver.url)
    (delivery,) = await told.over()
    first, second = await told.attempts(delivery)
    assert (first["error_code"], first["status"]) == ("timeout", None)
    assert second["status"] == 200


async def test_of_a_long_answer_the_first_kilobyte_is_kept(told: Told, receiver: Receiver) -> None:
    receiver.answers.append((200, {}, "y" * 1_000_000))
    await told.run(webhook_url=receiver.url)
    (delivery,) = await told.over()
    (attempt,) = await told.attempts(delivery)
    assert delivery["status"] == "delivered"
    assert attempt["answer"] == "y" * 1024


async def test_an_address_that_may_not_be_reached_is_not(tmp_path: Path, receiver: Receiver) -> None:
    async with open_told(tmp_path, networks=()) as told:
        await told.run(webhook_url=receiver.url)
        (delivery,) = await told.over()
        assert {a["error_code"] for a in await told.attempts(delivery)} == {"address_refused"}
    assert receiver.received == []


# Secrets, replay, restart


async def test_during_rotation_both_secrets_verify(told: Told, receiver: Receiver) -> None:
    endpoint_id, old = await told.endpoint(receiver.url)
    rotated = await told.webhooks.endpoints.rotate_secret(TENANT, endpoint_id)
    assert rotated.secret != old
    assert rotated.previous_expires_at is not None
    await told.run()
    await told.over()
    (got,) = receiver.received
    assert got.verified(old) == got.verified(rotated.secret)
    with pytest.raises(WebhookVerificationError):
        got.verified((await told.webhooks.secrets.current(TENANT.project_id)).secret)


async def test_a_secret_that_has_expired_signs_no_more(told: Told, receiver: Receiver) -> None:
    endpoint_id, old = await told.endpoint(receiver.url)
    await told.webhooks.endpoints.rotate_secret(TENANT, endpoint_id)
    await told.core.store.write(rows_of("update webhook_secrets set expires_at = 1 where expires_at is not null"))
    await told.run()
    await told.over()
    with pytest.raises(WebhookVerificationError):
        receiver.received[0].verified(old)


async def test_a_delivery_is_replayed_under_the_same_id(told: Told, receiver: Receiver) -> None:
    await told.run(webhook_url=receiver.url)
    (delivery,) = await told.over()
    await told.webhooks.deliveries.replay(TENANT, delivery["id"])
    await receiver.arrived(2)
    (again,) = await told.over()
    assert [got.id for got in receiver.received] == [delivery["id"]] * 2
    assert (again["status"], again["attempts"]) == ("delivered", 2)


async def test_an_endpoint_that_is_back_gets_all_it_missed(told: Told, receiver: Receiver, another: Receiver) -> None:
    endpoint_id, _ = await told.endpoint(receiver.url)
    receiver.answers.extend([500] * 6)
    executions = [await told.run(webhook_url=another.url) for _ in range(2)]
    await told.over(4)
    assert await told.webhooks.deliveries.replay_failed(TENANT, endpoint_id, executions[0].created_at) == 2
    await told.until(lambda found: all(delivery["status"] == "delivered" for delivery in found))
    assert len({got.id for got in receiver.received}) == 2
    assert len(another.received) == 2
    assert await told.webhooks.deliveries.replay_failed(TENANT, endpoint_id, 0) == 0


async def test_what_was_sent_to_a_wrong_url_goes_to_the_corrected_one(
    told: Told, receiver: Receiver, another: Receiver
) -> None:
    endpoint_id, _ = await told.endpoint(receiver.url)
    receiver.answers.extend([404] * 3)
    await told.run()
    (delivery,) = await told.over()
    await told.webhooks.endpoints.update(TENANT, endpoint_id, EndpointChange(url=another.url))
    await told.webhooks.deliveries.replay(TENANT, delivery["id"])
    (again,) = await told.over()
    assert [got.id for got in another.received] == [delivery["id"]]
    assert (again["status"], again["url"]) == ("delivered", another.url)


async def test_what_waits_for_an_endpoint_that_is_gone_is_given_up(tmp_path: Path, receiver: Receiver) -> None:
    async with open_told(tmp_path) as told:
        disabled, _ = await told.endpoint(receiver.url)
        deleted, _ = await told.endpoint(receiver.url)
        receiver.answers.extend([(503, {"Retry-After": "3600"}, "")] * 2)
        await told.run()
        await told.until(lambda found: sum(delivery["attempts"] for delivery in found) == 2)
        await told.webhooks.endpoints.update(TENANT, disabled, EndpointChange(enabled=False))
        await told.webhooks.endpoints.delete(TENANT, deleted)
        await told.core.store.write(rows_of("update webhook_deliveries set next_attempt_at = 1"))
        found = await told.over(2)
        assert {one["endpoint_id"]: one["reason"] for one in found} == {
            disabled: "endpoint_disabled",
            deleted: "endpoint_deleted",
        }
        assert len(receiver.received) == 2


async def test_what_was_not_sent_when_the_process_ended_is_sent_by_the_next(tmp_path: Path, receiver: Receiver) -> None:
    async with open_told(tmp_path, start=False) as told:
        await told.run(webhook_url=receiver.url)
    async with open_told(tmp_path) as told:
        (delivery,) = await told.over()
    assert [got.id for got in receiver.received] == [delivery["id"]]


async def test_another_tenant_sees_nothing(told: Told, receiver: Receiver) -> None:
    endpoint_id, _ = await told.endpoint(receiver.url)
    await told.run()
    (delivery,) = await told.over()
    stranger = Tenant("c" * 24, "d" * 24)
    for look in (
        told.webhooks.endpoints.get(stranger, endpoint_id),
        told.webhooks.endpoints.secret(stranger, endpoint_id),
        told.webhooks.endpoints.delete(stranger, endpoint_id),
        told.webhooks.deliveries.get(stranger, delivery["id"]),
        told.webhooks.deliveries.replay(stranger, delivery["id"]),
        told.webhooks.deliveries.replay_failed(stranger, endpoint_id, 0),
    ):
        with pytest.raises(NotFound):
            await look


async def test_neither_log_nor_errors_show_a_secret_or_the_url(
    told: Told, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="penstock")
    _, secret = await told.endpoint(f"{receiver.url}?token=abc123")
    receiver.answers.extend([500, HANG, (302, {"Location": "/x"}, "")])
    await told.run()
    (delivery,) = await told.over()
    shown = caplog.text + repr([dict(attempt) for attempt in await told.attempts(delivery)])
    assert "abc123" not in shown
    assert secret.removeprefix("whsec_") not in shown
    assert delivery["status"] == "failed"
