"""The models of a project, its sets, and the public catalog."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.testing.model_server import ModelServer

from . import shapes
from .client import Client, Refused
from .conftest import Server, written


def test_public_and_custom_models_are_told_apart_by_the_organization(client: Client, custom: str, echo: str) -> None:
    own, public = client.model(custom), client.model(echo)
    assert isinstance(own, shapes.CustomModel)
    assert (own.organization_id, own.key, own.max_tokens) == (client.organization.id, "loopback-1", 77)
    assert own.api_url.startswith("http://127.0.0.1")
    assert isinstance(public, shapes.PublicModel)
    assert (public.key, public.deprecated) == ("scripted/echo", False)
    assert custom in [one.id for one in client.models("custom")]
    assert all(isinstance(one, shapes.PublicModel) for one in client.models("public"))
    assert "local/smollm2" in [one.key for one in client.models("public")]


def test_models_are_found_by_key_name_and_id(client: Client, custom: str) -> None:
    for query in ({"key": "loopback-1"}, {"name": "oopBACK"}, {"name": custom}):
        assert [one.id for one in client.models("custom", **query)] == [custom], query
    assert client.models("custom", companies="Acme") == []
    assert [one.key for one in client.models("public", companies="hugging face,Nobody")] == ["local/smollm2"]
    with pytest.raises(Refused) as refused:
        client.model("f" * 24)
    assert refused.value.status == 404


def test_a_name_as_long_as_an_id_is_a_name(client: Client) -> None:
    public = shapes.ModelDetails.model_validate(client.get("/models", page_size=500, include_deprecated="true")).models
    name = next(one.name for one in public if len(one.name) == 24)
    assert name in [one["name"] for one in client.get("/models", name=name, include_deprecated="true")["models"]]


def test_no_answer_shows_the_key_of_a_custom_model(client: Client, custom: str) -> None:
    for path in (f"{client.p}/models/{custom}", f"{client.p}/models", "/models"):
        assert "sk-secret" not in str(client.get(path))


def test_a_custom_model_is_called_as_it_was_described(
    client: Client, custom: str, model_server: ModelServer, tmp_path: Path
) -> None:
    rows = written(tmp_path, [{"input": "called as described", "truth": "called as described"}])
    done = client.wait(client.evaluate(custom, client.create_benchmark("One row", rows).benchmark_id).id)
    assert (done.accuracy, done.model_id, done.model_name, done.model_key) == (1.0, custom, "Loopback", "loopback-1")
    call = next(one for one in model_server.calls() if "called as described" in str(one))
    assert call["model"] == "loopback-1"


def test_a_custom_model_is_changed_and_deleted(client: Client, model_server: ModelServer, tmp_path: Path) -> None:
    body = {
        "name": "Brief",
        "key": "brief/1.0",
        "description": "",
        "max_tokens": 5,
        "api_url": f"{model_server.url}/v1",
    }
    made = client.create_model(**body)
    assert client.update_model(made.model_id, max_tokens=9, extra_payload={"seed": 1})
    assert client.update_model(made.model_id, extra_payload={})
    changed = client.model(made.model_id)
    assert isinstance(changed, shapes.CustomModel)
    assert changed.max_tokens == 9
    with pytest.raises(Refused) as refused:
        client.create_model(**body)
    assert (refused.value.status, "already" in str(refused.value)) == (409, True)

    rows = written(tmp_path, [{"input": "a", "truth": "a"}])
    evaluation = client.wait(
        client.evaluate(made.model_id, client.create_benchmark("Brief rows", rows).benchmark_id).id
    )
    assert client.delete_model(made.model_id)
    assert made.model_id not in [one.id for one in client.models("custom")]
    assert client.evaluation(evaluation.id).model_name == "Brief"
    assert client.create_model(**body).model_id != made.model_id


@pytest.mark.parametrize(
    "fault",
    [
        {"key": "Not A Key"},
        {"extra_payload": {"messages": []}},
        {"api_url": "ftp://x"},
        {"max_tokens": 0},
        {"name": ""},
    ],
)
def test_a_wrong_custom_model_is_refused(client: Client, fault: dict[str, object]) -> None:
    good = {"name": "Never", "key": "never", "description": "", "max_tokens": 5, "api_url": "http://127.0.0.1:1/v1"}
    with pytest.raises(Refused) as refused:
        client.create_model(**{**good, **fault})
    assert refused.value.status == 400


def test_the_sets_of_a_project_are_replaced_whole(other: Client) -> None:
    by_default = [one.id for one in other.models("public")]
    echo_id = other.get("/models", key="scripted/echo")["models"][0]["id"]
    assert other.set_models([*by_default, echo_id])
    assert [one.id for one in other.models("public")] == [*by_default, echo_id]
    assert other.set_models([echo_id])
    assert [one.id for one in other.models("public")] == [echo_id]
    made = other.create_model(name="Mine", key="mine", api_url="http://127.0.0.1:1/v1", description="", max_tokens=1)
    assert [one.id for one in other.models("custom")] == [made.model_id]
    assert other.set_models([])
    assert other.models("public") == other.models("custom") == []
    with pytest.raises(Refused) as refused:
        other.set_models(["f" * 24])
    assert refused.value.status == 400

    chosen = [one.id for one in other.benchmarks("public")][:2]
    assert other.set_benchmarks(chosen)
    assert {one.id for one in other.benchmarks("public")} == set(chosen)


def test_the_public_catalog_has_facets_totals_and_prices_in_words(client: Client, custom: str) -> None:
    page = shapes.ModelDetails.model_validate(client.get("/models", page_size=5, sort_by="contextLength"))
    assert page.count == len(page.models) == 5
    assert page.total_count > 100
    assert "OpenAI" in page.companies
    assert page.sizes
    priced = shapes.ModelDetails.model_validate(client.get("/models", query="gpt-4o-mini", companies="OpenAI"))
    assert priced.models
    assert any(float(one.cost_per_input_token) > 0 for one in priced.models)
    mine = shapes.ModelDetails.model_validate(client.get("/models", ids=custom))
    assert [one.id for one in mine.models] == [custom]
    both = shapes.ModelDetails.model_validate(client.get("/models", page=1, page_size=500))
    seen = {one.id for one in both.models}
    after = shapes.ModelDetails.model_validate(client.get("/models", page=2, page_size=500))
    assert not seen & {one.id for one in after.models}


def test_models_of_another_project_are_not_seen(other: Client, client: Client, custom: str, server: Server) -> None:
    assert custom not in str(other.get("/models", ids=custom))
    for path in (f"{client.p}/models", f"{client.o}/integrations"):
        with pytest.raises(Refused) as refused:
            other.get(path)
        assert refused.value.status == 404
