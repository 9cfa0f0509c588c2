"""An answer that is lost after the work was done: the client sends the same POST again, and nothing is done twice."""

from __future__ import annotations

import json
import uuid
from types import ModuleType
from typing import Any

import httpx2
import pytest

from penstock.models.public import public_id
from penstock.server.stratix import evaluations, judges, trace_evaluations, traces

from .calls import data, unwrapped


@pytest.fixture
def lose(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`lose(module, name)`: what writes the answers of a module fails once."""

    def losing_once(module: ModuleType, name: str) -> None:
        write, lost = getattr(module, name), iter([True])

        def losing(*given: Any) -> Any:
            if next(lost, False):
                raise RuntimeError("the answer cannot be written")
            return write(*given)

        monkeypatch.setattr(module, name, losing)

    return losing_once


async def thrice(near: httpx2.AsyncClient, path: str, body: Any) -> tuple[Any, httpx2.Response]:
    """What is answered after an answer was lost, and then to the same once more."""
    answers = [await near.post(path, json=body) for _ in range(3)]
    assert [answer.status_code for answer in answers[:2]] == [500, 200]
    assert answers[0].json()["error"]["code"] == "internal_error"
    return answers[1].json(), answers[2]


async def test_the_first_evaluation_is_returned_again(near: httpx2.AsyncClient, project: str, lose: Any) -> None:
    datasets = (await near.get("/datasets")).json()["datasets"]
    lose(evaluations, "shown")
    body = [{"model_id": public_id("scripted/echo"), "dataset_id": datasets[0]["id"]}]
    first, second = await thrice(near, f"{project}/evaluations", body)
    made = {first["data"][0]["id"], second.json()["data"][0]["id"]}
    listed = (await near.get("/evaluations")).json()
    assert {one["id"] for one in listed["evaluations"]} == made
    assert (listed["total_count"], len(made)) == (2, 2)


async def test_a_judge_whose_answer_was_lost_is_there_once(near: httpx2.AsyncClient, project: str, lose: Any) -> None:
    lose(judges, "wrapped")
    first, second = await thrice(near, f"{project}/judges", {"name": "polite", "evaluation_goal": "Is it polite?"})
    assert second.status_code == 409
    (listed,) = unwrapped((await near.get(f"{project}/judges")).json())["judges"]
    assert (listed["id"], listed["version"]) == (data(first)["id"], 1)


async def test_a_file_whose_ids_were_lost_and_a_verdict_asked_for_twice(
    near: httpx2.AsyncClient, project: str, lose: Any
) -> None:
    content = json.dumps({"input": uuid.uuid4().hex})
    announced = await near.post(f"{project}/traces/upload", json={"filename": "a.json", "type": "", "size": 1})
    await near.put(unwrapped(announced.json())["url"], content=content)
    lose(traces, "wrapped")
    first, second = await thrice(near, f"{project}/traces", {"filename": "a.json"})
    # The file was used up by the first, so the third finds none.
    assert second.status_code == 404
    (trace,) = unwrapped(first)["trace_ids"]
    await near.post(f"{project}/judges", json={"name": "polite", "evaluation_goal": "Is it polite?"})
    lose(trace_evaluations, "wrapped")
    first, second = await thrice(near, f"{project}/trace-evaluations", {"trace_id": trace, "judge_id": "polite"})
    listed = unwrapped((await near.get(f"{project}/trace-evaluations")).json())
    assert {one["id"] for one in listed["trace_evaluations"]} == {
        unwrapped(first)["id"],
        unwrapped(second.json())["id"],
    }
    assert listed["total"] == 2
