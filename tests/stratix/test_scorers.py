"""Scorers, spaces and integrations."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.testing.model_server import ModelServer

from .client import Client, Refused
from .conftest import Server, written


def test_a_scorer_is_made_listed_changed_and_deleted(client: Client, custom: str) -> None:
    made = client.create_scorer(
        name="Politeness", description="Is the answer polite?", model_id=custom, prompt="Is it polite? {{output}}"
    )
    assert (made.model_id, made.model_name, made.prompt) == (custom, "Loopback", "Is it polite? {{output}}")
    assert client.scorer(made.id) == made
    listed = client.scorers(page=1, page_size=500)
    assert made in listed.scorers
    assert listed.count == len(listed.scorers) == listed.total_count
    assert client.scorers(page=2, page_size=500).scorers == []
    path = f"{client.p}/scorers/{made.id}"
    assert client.send("PATCH", path, json={"prompt": "Polite? {{output}}"})
    changed = client.scorer(made.id)
    assert (changed.prompt, changed.model_id) == ("Polite? {{output}}", custom)
    with pytest.raises(Refused) as refused:
        client.create_scorer(name="Politeness", description="", model_id=custom, prompt="{{output}}?")
    assert (refused.value.status, "already exists" in str(refused.value)) == (409, True)
    assert client.send("DELETE", path)
    with pytest.raises(Refused) as refused:
        client.scorer(made.id)
    assert refused.value.status == 404


def test_a_benchmark_is_scored_by_a_saved_scorer(
    client: Client, custom: str, echo: str, model_server: ModelServer, tmp_path: Path
) -> None:
    scorer = client.create_scorer(name="Judge", description="", model_id=custom, prompt="Judge this: {{output}}")
    rows = written(tmp_path, [{"input": "anything", "truth": "anything"}])
    made = client.create_benchmark("Judged", rows, custom_scorers=[scorer.id])
    done = client.wait(client.evaluate(echo, made.benchmark_id).id)
    result = client.all_results(done.id)[0]
    # The loopback model echoes its orders, which is no verdict: it stays without a value, and is no 0.
    assert result.metrics == {"exact": 1.0, "Judge": None}


def test_a_space_ranks_what_was_evaluated(client: Client, other: Client, evaluation: str) -> None:
    made = client.create_space(name="Best echoes", description="Who echoes best?")
    assert (made.slug, made.visibility) == ("best-echoes", "private")
    assert made.evaluations_count >= 1
    assert client.space("best-echoes").id == client.space(made.id).id == made.id
    path = f"{client.p}/evaluation-spaces/{made.id}"
    assert client.send("PATCH", path, json={"visibility": "public"})
    assert client.space(made.id).visibility == "public"
    assert made.id in [one.id for one in other.spaces(sort_by="created_at", order="desc").evaluation_spaces]
    with pytest.raises(Refused) as refused:
        other.send("DELETE", f"{other.p}/evaluation-spaces/{made.id}")
    assert refused.value.status == 404
    assert client.send("DELETE", path)
    assert made.id not in [one.id for one in client.spaces().evaluation_spaces]


def test_spaces_come_in_either_order(client: Client) -> None:
    made = [client.create_space(name=f"Order {letter}", description="").id for letter in "BA"]
    for sort_by, up in (("created_at", made), ("name", made[::-1])):
        for order, expected in (("asc", up), ("desc", up[::-1])):
            listed = [one.id for one in client.spaces(sort_by=sort_by, order=order).evaluation_spaces]
            assert [one for one in listed if one in made] == expected, (sort_by, order)
    for one in made:
        client.send("DELETE", f"{client.p}/evaluation-spaces/{one}")


def test_integrations_are_listed_and_tested(client: Client, server: Server, model_server: ModelServer) -> None:
    for name, host in (("up", f"{model_server.url}/stats"), ("down", "http://127.0.0.1:1")):
        body = {"name": name, "type": "langfuse", "hostUrl": host, "config": {"region": "eu"}}
        server.own.post("/integrations", json=body).raise_for_status()
    found = {one.name: one for one in client.integrations()}
    assert (found["up"].active, found["up"].config) == (True, {"region": "eu"})
    path = f"{client.o}/integrations"
    assert client.unwrapped(client.get(f"{path}/{found['up'].id}"))["id"] == found["up"].id
    assert client.post(f"{path}/{found['up'].id}/test", {})["success"] is True
    failed = client.post(f"{path}/{found['down'].id}/test", {})
    assert failed["success"] is False
    assert "127.0.0.1" in failed["message"]
