"""`/webhooks`, and the URLs that come with calls."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook, WebhookVerificationError

from penstock import Penstock, RunOptions
from penstock.testing.receiver import ReceivedWebhook, WebhookReceiver

from .conftest import ADMIN_KEY, GREET, Api, Running


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def greet(api: Api) -> str:
    return api.flow(GREET)


@pytest.fixture
def endpoint(api: Api, receiver: WebhookReceiver) -> Iterator[dict[str, Any]]:
    """An endpoint of the project that all of these tests share, so it is taken away afterwards."""
    added = api.post("/webhooks/endpoints", json={"url": receiver.url, "description": "for a test"})
    assert added.status_code == 201, added.text
    yield added.json()
    api.delete(f"/webhooks/endpoints/{added.json()['id']}")


def refused(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def said(got: ReceivedWebhook, secret: str) -> Any:
    return Webhook(secret).verify(got.body, got.headers)


def settled(api: Api, delivery_id: str) -> dict[str, Any]:
    """A delivery that waits no more."""
    while True:
        delivery: dict[str, Any] = api.get(f"/webhooks/deliveries/{delivery_id}").json()
        if delivery["status"] != "pending":
            return delivery


def about(receiver: WebhookReceiver, execution_id: str, secret: str) -> Any:
    """What is said about an execution with this secret, among all that is said."""
    count = 1
    while True:
        for got in receiver.wait_for(count):
            with contextlib.suppress(WebhookVerificationError):
                message = said(got, secret)
                if message["data"].get("executionId") == execution_id:
                    return message
        count = len(receiver.received()) + 1


Start = Callable[[Api, str, str], requests.Response]

STARTS: dict[str, Start] = {
    "execute-async": lambda api, flow, url: api.post(
        f"/flows/{flow}/execute-async", json={"name": "Ada", "webhook": url}
    ),
    "executions": lambda api, flow, url: api.post(
        f"/flows/{flow}/executions", json={"inputs": [{"name": "Ada"}], "webhook": url}
    ),
    "execute with the header": lambda api, flow, url: api.post(
        f"/flows/{flow}/execute", json={"name": "Ada"}, headers={"Webhook-Url": url}
    ),
    "execute-async with the header": lambda api, flow, url: api.post(
        f"/flows/{flow}/execute-async", json={"name": "Ada"}, headers={"Webhook-Url": url}
    ),
    "lines with the header": lambda api, flow, url: api.post(
        f"/flows/{flow}/executions",
        data='{"name": "Ada"}\n',
        headers={"Content-Type": "application/x-ndjson", "Webhook-Url": url},
    ),
    "the older face": lambda api, flow, url: api.post(
        f"/public/v1/flows/execute/{flow}", json={"name": "Ada", "webhook": url}
    ),
}


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
def test_the_url_of_a_call_is_told_of_its_end(api: Api, greet: str, receiver: WebhookReceiver, start: Start) -> None:
    answer = start(api, greet, receiver.url)
    assert answer.status_code in (200, 202), answer.text
    secret = api.get("/webhooks/secret").json()["secret"]
    (got,) = receiver.wait_for(1)
    message = said(got, secret)
    assert message["type"] == "execution.completed"
    execution = api.get(f"/executions/{message['data']['executionId']}").json()
    assert message["data"]["seq"] == execution["seq"]
    assert message["data"]["counts"] == execution["counts"]
    assert message["data"]["results"] == execution["results"]
    assert api.get(message["data"]["links"]["results"]).json() == execution["results"]


def test_an_input_named_webhook_is_an_input(api: Api, receiver: WebhookReceiver) -> None:
    flow = api.flow(
        {
            "input": {"webhook": {"type": "string", "required": True}},
            "nodes": {"echo": {"type": "transform", "inputs": {"w": "input.webhook"}, "expression": "w"}},
            "output": {"w": "echo.out"},
        }
    )
    answer = api.post(
        f"/flows/{flow}/execute-async", json={"webhook": "just text"}, headers={"Webhook-Url": receiver.url}
    )
    (got,) = receiver.wait_for(1)
    message = said(got, api.get("/webhooks/secret").json()["secret"])
    assert message["data"]["executionId"] == answer.json()["executionId"]
    assert message["data"]["results"] == {"w": "just text"}


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "ftp://example.com/",
        "http://user:secret@example.com/",
        "http://10.1.2.3/hook",
        "http://[::1]/hook",
        "http://169.254.169.254/latest/meta-data/",
        "http://0x0a000001/",
        "https://example.com/" + "a" * 2048,
        "http://exa mple.com/",
        "http://" + "a" * 64 + ".example.com/",
        "http://example.com:99999/",
    ],
)
def test_a_url_that_can_never_be_delivered_to_is_refused_with_the_reason(api: Api, greet: str, url: str) -> None:
    answer = api.post(f"/flows/{greet}/execute-async", json={"name": "Ada", "webhook": url})
    assert refused(answer) == (400, "webhook_url_invalid")
    assert answer.json()["errors"][0]["path"] == "webhook"
    if url:
        assert refused(api.post("/webhooks/endpoints", json={"url": url})) == (400, "webhook_url_invalid")
    assert api.get("/executions", params={"flowId": greet}).json()["data"] == []


def test_a_webhook_that_is_no_text_or_is_given_twice(api: Api, greet: str) -> None:
    answer = api.post(f"/flows/{greet}/execute-async", json={"name": "Ada", "webhook": 7})
    assert refused(answer) == (400, "webhook_url_invalid")
    twice = api.post(
        f"/flows/{greet}/execute-async",
        json={"name": "Ada", "webhook": "https://example.com/a"},
        headers={"Webhook-Url": "https://example.com/b"},
    )
    assert refused(twice) == (400, "webhook_url_invalid")


def test_the_url_in_the_header_is_part_of_the_request(api: Api, greet: str, receiver: WebhookReceiver) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    path = f"/flows/{greet}/execute-async"
    first = api.post(path, json={"name": "Ada"}, headers={**key, "Webhook-Url": receiver.url})
    again = api.post(path, json={"name": "Ada"}, headers={**key, "Webhook-Url": receiver.url})
    assert first.json()["executionId"] == again.json()["executionId"]
    assert refused(api.post(path, json={"name": "Ada"}, headers=key)) == (422, "idempotency_key_reused")


def test_an_endpoint_is_kept_changed_and_deleted(api: Api, endpoint: dict[str, Any]) -> None:
    path = f"/webhooks/endpoints/{endpoint['id']}"
    assert endpoint["secret"].startswith("whsec_")
    shown = api.get(path).json()
    assert shown == {name: value for name, value in endpoint.items() if name != "secret"}
    assert len(shown["events"]) == 7
    assert shown in api.get("/webhooks/endpoints", params={"limit": 500}).json()["data"]
    changed = api.patch(path, json={"events": ["execution.failed"], "enabled": False}).json()
    assert (changed["events"], changed["enabled"]) == (["execution.failed"], False)
    assert changed["disabledReason"] == "by_request"
    assert changed["description"] == "for a test"
    assert refused(api.post(f"{path}/test")) == (409, "endpoint_disabled")
    assert api.patch(path, json={"enabled": True}).json()["disabledReason"] is None
    assert api.delete(path).status_code == 204
    assert refused(api.get(path)) == (404, "endpoint_unknown")


@pytest.mark.parametrize("events", [[], ["execution.started"], ["execution.failed", "nonsense"]])
def test_only_event_types_that_exist(api: Api, receiver: WebhookReceiver, events: list[str]) -> None:
    answer = api.post("/webhooks/endpoints", json={"url": receiver.url, "events": events})
    assert refused(answer) == (400, "events_invalid")


def test_as_many_endpoints_as_a_project_may_have(other: Api) -> None:
    added = [other.post("/webhooks/endpoints", json={"url": "https://example.com/"}) for _ in range(21)]
    assert [answer.status_code for answer in added] == [201] * 20 + [409]
    first = other.get("/webhooks/endpoints", params={"limit": 15}).json()
    rest = other.get("/webhooks/endpoints", params={"limit": 15, "cursor": first["nextCursor"]}).json()
    ids = [one["id"] for one in first["data"] + rest["data"]]
    assert ids == [answer.json()["id"] for answer in added[:20]]
    for endpoint_id in ids:
        other.delete(f"/webhooks/endpoints/{endpoint_id}")


def test_a_test_message(api: Api, endpoint: dict[str, Any], receiver: WebhookReceiver) -> None:
    receiver.answer(200)
    sent = api.post(f"/webhooks/endpoints/{endpoint['id']}/test")
    assert sent.status_code == 202
    delivery = settled(api, sent.json()["id"])
    assert delivery["status"] == "delivered"
    assert (delivery["attempts"][0]["number"], delivery["attempts"][0]["status"]) == (1, 200)
    (got,) = (one for one in receiver.received() if one.id == delivery["id"])
    assert said(got, endpoint["secret"]) == delivery["body"]
    assert delivery["body"]["type"] == "webhook.test"


def test_rotating_a_secret(api: Api, endpoint: dict[str, Any], receiver: WebhookReceiver) -> None:
    path = f"/webhooks/endpoints/{endpoint['id']}"
    rotated = api.post(f"{path}/rotate-secret")
    assert rotated.headers["Cache-Control"] == "no-store"
    new = rotated.json()
    assert new == api.get(f"{path}/secret").json()
    ends = datetime.fromisoformat(new["previousExpiresAt"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < ends <= timedelta(hours=24)
    delivery = settled(api, api.post(f"{path}/test").json()["id"])
    (got,) = (one for one in receiver.received() if one.id == delivery["id"])
    assert said(got, endpoint["secret"]) == said(got, new["secret"])


def test_the_secret_of_the_project_stays_until_it_is_rotated(other: Api) -> None:
    first = other.get("/webhooks/secret").json()
    assert first == other.get("/webhooks/secret").json()
    assert first["previousExpiresAt"] is None
    assert other.post("/webhooks/rotate-secret").json()["secret"] != first["secret"]


def test_deliveries_are_listed_by_what_they_are_about_and_sent_again(
    api: Api, greet: str, endpoint: dict[str, Any], receiver: WebhookReceiver
) -> None:
    execution_id = STARTS["executions"](api, greet, receiver.url).json()["executionId"]
    about_it = {"execution": execution_id, "status": "delivered"}
    found: list[dict[str, Any]] = []
    while len(found) < 2:
        found = api.get("/webhooks/deliveries", params=about_it).json()["data"]
    assert {one["endpointId"] for one in found} == {None, endpoint["id"]}
    only = api.get("/webhooks/deliveries", params={**about_it, "endpoint": endpoint["id"]}).json()["data"]
    assert [one["endpointId"] for one in only] == [endpoint["id"]]
    assert api.get("/webhooks/deliveries", params={"execution": execution_id, "status": "failed"}).json()["data"] == []
    before = len(receiver.received())
    again = api.post(f"/webhooks/deliveries/{found[0]['id']}/replay")
    assert again.status_code == 202
    assert receiver.wait_for(before + 1)[-1].id == found[0]["id"]
    assert settled(api, found[0]["id"])["attemptCount"] == 2


def test_pages_of_deliveries(api: Api, endpoint: dict[str, Any]) -> None:
    sent = [api.post(f"/webhooks/endpoints/{endpoint['id']}/test").json()["id"] for _ in range(5)]
    cursor, listed = None, []
    while True:
        query = {"endpoint": endpoint["id"], "limit": 2, "cursor": cursor}
        page = api.get("/webhooks/deliveries", params=query).json()
        listed += [one["id"] for one in page["data"] if one["event"] == "webhook.test"]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert listed == sent[::-1]


def test_what_a_key_needs(api: Api, server: Running, endpoint: dict[str, Any]) -> None:
    made = api.post("/keys", json={"name": "reader", "scopes": ["webhooks:read"]}).json()
    path = f"/webhooks/endpoints/{endpoint['id']}"
    with Api(server.url, made["key"]) as reader:
        assert reader.get(path).status_code == 200
        assert reader.get("/webhooks/deliveries").status_code == 200
        for refusal in (
            reader.get(f"{path}/secret"),
            reader.get("/webhooks/secret"),
            reader.post(f"{path}/rotate-secret"),
            reader.post(f"{path}/test"),
            reader.delete(path),
        ):
            assert refusal.status_code == 403


def test_another_project_finds_nothing(other: Api, endpoint: dict[str, Any], api: Api) -> None:
    delivery_id = api.post(f"/webhooks/endpoints/{endpoint['id']}/test").json()["id"]
    path = f"/webhooks/endpoints/{endpoint['id']}"
    assert refused(other.get(path)) == (404, "endpoint_unknown")
    assert refused(other.patch(path, json={"enabled": False})) == (404, "endpoint_unknown")
    assert refused(other.get(f"{path}/secret")) == (404, "endpoint_unknown")
    assert refused(other.post(f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"})) == (404, "endpoint_unknown")
    assert refused(other.get(f"/webhooks/deliveries/{delivery_id}")) == (404, "delivery_unknown")
    assert refused(other.post(f"/webhooks/deliveries/{delivery_id}/replay")) == (404, "delivery_unknown")
    assert other.get("/webhooks/deliveries", params={"endpoint": endpoint["id"]}).json()["data"] == []


def test_the_sdk_keeps_webhooks(server: Running, greet: str, receiver: WebhookReceiver) -> None:
    with Penstock(server.url, ADMIN_KEY) as client:
        webhooks = client.webhooks
        made = webhooks.create_endpoint(receiver.url, events=["execution.cancelled"])
        assert webhooks.endpoint(made.id).events == ("execution.cancelled",)
        assert made.id in {one.id for one in webhooks.endpoints()}
        assert webhooks.update_endpoint(made.id, description="mine").description == "mine"
        tested = webhooks.test_endpoint(made.id)
        receiver.wait_for(1)
        while webhooks.delivery(tested.id).status == "pending":
            pass
        assert webhooks.delivery(tested.id).attempts[0].status == 200
        assert [one.id for one in webhooks.deliveries(endpoint_id=made.id, limit=1)] == [tested.id]
        assert webhooks.replay(tested.id).id == tested.id
        assert webhooks.replay_failed(made.id, datetime.now(UTC)) == 0
        assert webhooks.rotate_secret(made.id).secret == webhooks.secret(made.id).secret != made.secret
        webhooks.delete_endpoint(made.id)

        project = webhooks.secret().secret
        for handle in (
            client.flows.execute_async(greet, {"name": "Ada"}, webhook=receiver.url),
            client.flows.run(greet, [{"name": "Ada"}], options=RunOptions(webhook=receiver.url)),
        ):
            assert about(receiver, handle.id, project)["data"]["status"] == "completed"
