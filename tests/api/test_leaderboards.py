"""Leaderboards, experiments and the SDK of evaluations, against a real server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from penstock import BadRequestError, ConflictError, EvaluationHandle, EvaluationOptions, NotFoundError, Penstock

from .conftest import ADMIN_KEY, GREET, Api, Running

YES, NO = "scripted/fixed:yes", "scripted/fixed:no"
ROWS = [{"id": str(n), "input": "yes", "truth": "yes" if n < 9 else "no"} for n in range(10)]


def named(kind: str) -> str:
    return f"{kind}-{uuid.uuid4().hex[:10]}"


@pytest.fixture
def client(server: Running) -> Iterator[Penstock]:
    with Penstock(server.url, ADMIN_KEY) as client:
        yield client


@pytest.fixture
def benchmark(api: Api) -> str:
    key = named("agreeing")
    made = api.post("/benchmarks", json={"key": key, "rows": ROWS})
    assert made.status_code == 201, made.text
    return key


def evaluated(client: Penstock, benchmark: str, model: str, **options: Any) -> EvaluationHandle:
    handle = client.evaluations.create(
        model=model, benchmark=benchmark, scorers=["exact"], options=EvaluationOptions(**options)
    )
    handle.wait(30)
    return handle


def test_a_leaderboard_from_its_making_to_its_end(api: Api, client: Penstock, benchmark: str) -> None:
    for model in (NO, YES):
        evaluated(client, benchmark, model)
    filters = {"benchmarks": {"ids": [benchmark]}}
    answer = api.post("/leaderboards", json={"name": named("Board"), "filters": filters, "weight": 3})
    assert answer.status_code == 201, answer.text
    made = answer.json()
    path = answer.headers["Location"]
    assert api.get(path).json() == made
    assert made["filters"] == {
        "models": {"ids": [], "vendors": [], "regions": []},
        "benchmarks": {"ids": [benchmark], "categories": [], "languages": []},
    }
    assert (made["own"], made["visibility"], made["owner"]) == (True, "private", "default")
    (table,) = api.get(f"/leaderboards/{made['slug']}/entries").json()["tables"]
    assert table["benchmark"]["key"] == benchmark
    assert [(entry["rank"], entry["model"], entry["mean"]) for entry in table["entries"]] == [
        (1, YES, 0.9),
        (2, NO, 0.1),
    ]
    assert [entry["sameAsAbove"] for entry in table["entries"]] == [False, False]
    changed = api.patch(path, json={"visibility": "tenant", "featured": True}).json()
    assert (changed["visibility"], changed["featured"], changed["weight"]) == ("tenant", True, 3)
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_only_public_ones_are_seen_by_others_and_nobody_else_changes_them(api: Api, other: Api) -> None:
    made = api.post("/leaderboards", json={"name": named("Board")}).json()
    path = f"/leaderboards/{made['id']}"
    assert other.get(path).status_code == 404
    assert api.patch(path, json={"visibility": "public"}).status_code == 200
    seen = other.get(path)
    assert seen.status_code == 200
    assert seen.json()["own"] is False
    assert other.get(f"{path}/entries").status_code == 200
    assert made["id"] in [board["id"] for board in other.get("/leaderboards", params={"limit": 500}).json()["data"]]
    assert other.patch(path, json={"name": "Mine"}).json()["code"] == "leaderboard_not_own"
    assert other.delete(path).status_code == 404
    assert api.delete(path).status_code == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x", "slug": "A B"}, "slug"),
        ({"name": "x", "description": "y" * 501}, "description"),
        ({"name": "x", "visibility": "secret"}, "visibility"),
        ({"name": "x", "filters": {"models": {"names": ["a"]}}}, "filters.models.names"),
    ],
)
def test_what_is_wrong_with_a_leaderboard_is_named(api: Api, body: dict[str, Any], field: str) -> None:
    refused = api.post("/leaderboards", json=body)
    assert refused.status_code == 400
    assert field in [fault["path"] for fault in refused.json()["errors"]]


def test_lists_are_paged_and_cursors_are_checked(api: Api) -> None:
    made = [api.post("/leaderboards", json={"name": named("Board")}).json()["id"] for _ in range(3)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = api.get("/leaderboards", params={"limit": 2, "sort": "created", "cursor": cursor}).json()
        seen += [board["id"] for board in page["data"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert [one for one in seen if one in made] == made
    assert len(seen) == len({*seen})
    assert api.get("/leaderboards", params={"cursor": "x"}).json()["code"] == "cursor_invalid"


def test_an_experiment_over_http(api: Api, benchmark: str) -> None:
    body = {
        "name": "trial",
        "benchmark": benchmark,
        "scorers": ["exact"],
        "variants": [{"name": "a", "model": YES}, {"name": "b", "model": NO}],
        "wait": 30,
    }
    answer = api.post("/experiments", json=body, headers={"Idempotency-Key": benchmark})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["name"], found["baseline"], found["rows"]) == ("trial", "a", 10)
    assert [variant["baseline"] for variant in found["variants"]] == [True, False]
    difference = found["variants"][1]["differences"]["exact"]
    assert difference["difference"] == pytest.approx(-0.8)
    assert (difference["n"], difference["decision"]) == (10, "worse")
    again = api.post("/experiments", json=body, headers={"Idempotency-Key": benchmark})
    assert again.json()["id"] == found["id"]
    assert api.get(f"/experiments/{found['id']}").json() == found
    assert found["id"] in [one["id"] for one in api.get("/experiments").json()["data"]]
    for variant in found["variants"]:
        assert api.get(f"/evaluations/{variant['evaluationId']}").json()["experiment"]["name"] == "trial"
    refused = api.post("/experiments", json={**body, "variants": body["variants"][:1]})  # type: ignore[index]
    assert refused.status_code == 400


def test_the_sdk_waits_for_an_evaluation_by_id_and_by_handle(client: Penstock, benchmark: str) -> None:
    handle = client.evaluations.create(model=YES, benchmark=benchmark, scorers=["exact"])
    # The published example of the protocol's own documentation.
    result = client.evaluations.wait_for_completion(handle.id, timeout=300)
    assert (result.status, result.accuracy, result.score.n) == ("completed", 0.9, 10)
    assert handle.id != handle.execution_id
    assert client.evaluations.wait_for_completion(handle).id == result.id
    assert client.evaluations.wait_for_completion(handle.execution_id).status == "completed"
    assert handle.results().definition_hash == result.definition_hash
    assert [row.row_id for row in handle.rows("incorrect")] == ["9"]
    assert [event.type for event in handle.events()][-1] == "done"


def test_it_waits_for_executions_of_every_kind(api: Api, client: Penstock) -> None:
    run = client.flows.execute_async(api.flow(GREET), {"name": "Ada"})
    assert client.evaluations.wait_for_completion(run.id).results == {"greeting": "Hello Ada"}
    assert client.evaluations.wait_for_completion(run).status == "completed"


def test_the_sdk_scores_again_estimates_lists_and_deletes(client: Penstock, benchmark: str) -> None:
    handle = evaluated(client, benchmark, YES)
    again = client.evaluations.rescore(handle.id, [{"type": "contains"}], name="again")
    again.wait(30)
    assert (again.results().name, again.results().source["evaluation"]) == ("again", handle.id)  # type: ignore[index]
    assert again.results().usage.model_calls == 0
    estimate = client.evaluations.estimate(model=YES, benchmark=benchmark, options=EvaluationOptions(epochs=2))
    assert (estimate.rows, estimate.model_calls) == (10, 20)
    found = [one.id for one in client.evaluations.list(benchmark=benchmark)]
    assert found == [again.id, handle.id]
    assert [one.id for one in client.evaluations.list(benchmark=benchmark, limit=1)] == [again.id]
    client.evaluations.delete(handle.id)
    again.delete()
    with pytest.raises(NotFoundError):
        client.evaluations.get(handle.id)


def test_the_sdk_of_experiments_and_leaderboards(client: Penstock, benchmark: str) -> None:
    variants = [{"name": "yes", "model": YES}, {"name": "told", "model": "scripted/echo"}]
    options = EvaluationOptions(prompt="no", choice={"count": 5})
    run = client.experiments.create("trial", benchmark, variants, baseline="told", scorers=["exact"], options=options)
    run.wait(30)
    found = client.experiments.get(run.id)
    assert (found.baseline, found.rows) == ("told", 5)
    assert found.variants[0].differences["exact"].difference == 1.0
    assert found.variants[1].differences == {}
    board = client.leaderboards.create(named("Board"), filters={"benchmarks": {"ids": [benchmark]}})
    tables = client.leaderboards.entries(board.slug)
    assert {entry.model for table in tables for entry in table.entries} == {YES, "scripted/echo"}
    with pytest.raises(ConflictError):
        client.leaderboards.create(board.name)
    assert client.leaderboards.update(board.id, {"weight": 7}).weight == 7
    client.leaderboards.delete(board.id)
    with pytest.raises(BadRequestError):
        client.experiments.create("trial", benchmark, variants, baseline="nobody")
