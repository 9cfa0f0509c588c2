"""Public models, what belongs to a project, and models that are saved with more than a name, over HTTP."""

from __future__ import annotations

import uuid

from .conftest import Api


def test_public_models_are_found_paged_and_shown(api: Api) -> None:
    wanted = {"query": "claude", "providers": "anthropic", "limit": 2, "sortBy": "context_length", "order": "desc"}
    first = api.get("/catalog/models", params=wanted).json()
    assert first["total"] > 2
    assert "Anthropic" in first["facets"]["companies"]
    second = api.get("/catalog/models", params={**wanted, "cursor": first["nextCursor"]}).json()
    assert not {model["id"] for model in first["data"]} & {model["id"] for model in second["data"]}
    model = first["data"][0]
    assert (
        api.get(f"/catalog/models/{model['id']}").json() == api.get(f"/catalog/models/{model['key']}").json() == model
    )
    assert model["license"] is None
    assert api.get("/catalog/models/nobody/nothing").status_code == 404
    for wrong in ({"cursor": "-1"}, {"sortBy": "beauty"}, {"limit": 0}, {"usable": "perhaps"}):
        assert api.get("/catalog/models", params=wrong).status_code == 400, wrong


def test_a_model_is_saved_with_a_probe_and_called_by_its_key(api: Api, other: Api) -> None:
    key = f"team/{uuid.uuid4().hex[:12]}"
    body = {"name": f"My {key}", "key": key, "provider": "scripted", "modelName": "fixed:hi", "maxTokens": 9}
    made = api.post("/models", json={**body, "extraPayload": {"top_k": 1}, "probe": True})
    assert made.status_code == 201, made.text
    assert made.json()["probe"]["ok"] is True
    assert (made.json()["warnings"], made.json()["disabled"]) == ([], False)
    shown = api.get(f"/models/{key}").json()
    assert (shown["extraPayload"], shown["maxTokens"], shown["key"]) == ({"top_k": 1}, 9, key)
    assert api.post(f"/models/{key}/test").json()["ok"] is True
    assert other.get(f"/models/{key}").status_code == 404
    refused = api.post("/models", json={**body, "name": "x", "key": f"{key}.b", "extraPayload": {"stream": True}})
    assert [error["path"] for error in refused.json()["errors"]] == ["extraPayload"]
    must = {"name": f"y{key}", "provider": "scripted", "modelName": "fail:500", "requireProbe": True}
    assert api.post("/models", json=must).json()["code"] == "model_probe_failed"


def test_a_project_chooses_its_models_and_benchmarks(api: Api, other: Api) -> None:
    before = other.get("/project/models").json()
    assert not before["chosen"]
    assert "local/smollm2" in {model["key"] for model in before["models"]}
    chosen = api.put("/project/models", json={"ids": ["openai/gpt-4o-mini", "scripted/echo"]}).json()
    assert [model["key"] for model in chosen["models"]] == ["openai/gpt-4o-mini", "scripted/echo"]
    assert api.get("/project/models").json() == chosen
    wrong = api.put("/project/models", json={"ids": ["scripted/echo", "nobody/nothing"]})
    assert [error["path"] for error in wrong.json()["errors"]] == ["ids[1]"]
    assert other.get("/project/models").json() == before
    assert other.get("/project/benchmarks").json() == {"chosen": False, "ids": None}
    sorting = api.get("/benchmarks/sorting").json()["id"]
    assert api.put("/project/benchmarks", json={"ids": ["sorting"]}).json() == {"chosen": True, "ids": [sorting]}
    wrong = api.put("/project/benchmarks", json={"ids": ["sorting", "nothing"]})
    assert (wrong.status_code, [error["path"] for error in wrong.json()["errors"]]) == (400, ["ids[1]"])
    assert other.get("/project/benchmarks").json() == {"chosen": False, "ids": None}


def test_a_project_chooses_the_model_of_its_judges(api: Api, other: Api) -> None:
    assert api.put("/project/settings", json={"defaultJudgeModel": "scripted/echo"}).status_code == 200
    assert api.get("/project/settings").json() == {
        "defaultJudgeModel": "scripted/echo",
        "defaultReflectionModel": None,
    }
    nothing = {"defaultJudgeModel": None, "defaultReflectionModel": None}
    assert other.get("/project/settings").json() == nothing
    wrong = api.put("/project/settings", json={"defaultJudgeModel": "nobody/nothing"})
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "defaultJudgeModel")
    assert api.put("/project/settings", json={}).json() == nothing
