"""The SDK against the real application, inside this process."""

from __future__ import annotations

import httpx2
import pytest

from penstock import (
    AsyncPenstock,
    CatalogFilter,
    ConflictError,
    ExecutionFailed,
    ModelOptions,
    NotFoundError,
    UnprocessableEntityError,
)
from penstock.client.model_objects import ProjectSettings

DOCUMENT = {
    "name": "label",
    "input": {"text": {"type": "string", "required": True}},
    "nodes": {
        "check": {
            "type": "transform",
            "inputs": {"text": "input.text"},
            "expression": "{'good': 'positive', 'bad': 'negative'}[text]",
        }
    },
    "output": {"label": "check.out"},
}


@pytest.fixture
async def client(tmp_path):
    from penstock.server.app import create_app, embedded_key
    from penstock.settings import Settings

    app = create_app(Settings(data_dir=tmp_path / "data"))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with AsyncPenstock("http://here", embedded_key(app), transport=transport, max_retries=0) as client:
            yield client


async def test_sync_async_and_hybrid_give_the_same_results(client):
    await client.flows.create(DOCUMENT)
    wanted = {"label": "positive"}
    assert await client.flows.execute("label", {"text": "good"}) == wanted
    assert await client.flows.execute("label", {"text": "good"}, wait=30) == wanted
    handle = await client.flows.execute_async("label", {"text": "good"})
    assert (await handle.wait(timeout=20)).results == wanted
    assert await handle.results() == wanted
    assert len([run async for run in client.executions.list(flow="label")]) in (0, 3)


async def test_the_same_idempotency_key_is_the_same_execution(client):
    await client.flows.create(DOCUMENT)
    first, second = [
        await client.flows.execute_async("label", {"text": "good"}, idempotency_key="order-7") for _ in range(2)
    ]
    assert first.id == second.id
    with pytest.raises(UnprocessableEntityError):
        await client.flows.execute_async("label", {"text": "bad"}, idempotency_key="order-7")


async def test_a_run_over_many_inputs_with_a_failed_one(client):
    await client.flows.create(DOCUMENT)
    handle = await client.flows.run("label", [{"text": "good"}, {"text": "odd"}])
    final = await handle.wait(timeout=20)
    assert (final.partial, final.counts.succeeded, final.counts.failed) == (True, 1, 1)
    (failed,) = [item async for item in handle.items("failed")]
    assert failed.path == "1"
    assert failed.error.node == "check"
    assert [entry.node async for entry in handle.logs()] == ["check", "check"]
    await handle.retry()
    assert (await handle.wait(timeout=20)).partial
    await handle.delete()
    with pytest.raises(NotFoundError):
        await handle.refresh()


async def test_a_failed_run_raises_in_both_modes(client):
    await client.flows.create(DOCUMENT)
    with pytest.raises(ExecutionFailed) as sync:
        await client.flows.execute("label", {"text": "odd"})
    assert sync.value.error.node == "check"
    handle = await client.flows.execute_async("label", {"text": "odd"})
    with pytest.raises(ExecutionFailed) as queued:
        await handle.wait(timeout=20)
    assert queued.value.error.code == sync.value.error.code
    with pytest.raises(ConflictError):
        await handle.cancel()


async def test_flow_versions(client):
    made = await client.flows.create(DOCUMENT, deploy=False)
    assert (made.version, made.deployed_version) == (1, None)
    changed = await client.flows.update("label", {**DOCUMENT, "description": "labels"})
    assert (changed.version, changed.deployed_version) == (2, 2)
    assert [version.version async for version in client.flows.versions("label")] == [2, 1]
    assert (await client.flows.version("label", 1)).document["name"] == "label"
    assert (await client.flows.deploy("label", 1)).deployed_version == 1
    checked = await client.flows.validate("name: x\nnodes: {a: {type: nonsense}}")
    assert not checked.valid
    assert checked.errors[0].line is not None
    await client.flows.delete(made.id)
    with pytest.raises(NotFoundError):
        await client.flows.get("label")


async def test_prompts(client):
    await client.prompts.create("greet", {"prompt": "Hello {{ name }}"})
    assert (await client.prompts.update("greet", {"prompt": "Hi {{ name }}"})).version == 2
    assert (await client.prompts.get("greet", version=1)).document["prompt"] == "Hello {{ name }}"
    assert [prompt.version async for prompt in client.prompts.versions("greet")] == [2, 1]
    await client.prompts.delete("greet")
    assert [prompt async for prompt in client.prompts.list()] == []


async def test_datasets(client, tmp_path):
    made = await client.datasets.create("rows", [{"n": n} for n in range(120)])
    assert made.row_count == 120
    assert [row["n"] async for row in client.datasets.rows("rows")] == list(range(120))
    assert [column.name for column in (await client.datasets.get(made.id)).columns] == ["n"]
    target = tmp_path / "rows.csv"
    await client.datasets.export("rows", target)
    report = await client.datasets.import_file(target, "again", types={"n": "string"})
    assert (report.rows, report.dataset.columns[0].type) == (120, "string")
    await client.datasets.delete("rows")
    assert [dataset.name async for dataset in client.datasets.list()] == ["again"]


async def test_secrets_keys_and_models(client):
    await client.secrets.put("token", "very-secret")
    assert [secret.name async for secret in client.secrets.list()] == ["token"]
    await client.secrets.delete("token")
    key = await client.keys.create("ci", ["flows:read"])
    assert (await client.keys.revoke(key.id)).revoked_at is not None
    model = await client.models.create("mine", "openai", "m", base_url="http://127.0.0.1:9/v1", api_key="k")
    assert (model.has_api_key, (await client.models.get("mine")).model_name) == (True, "m")
    assert not (await client.models.test("mine")).ok
    await client.models.delete("mine")
    await client.ready()


async def test_models_have_keys_are_tried_and_looked_up(client):
    await client.models.create("mine", "scripted", "echo")
    changed = await client.models.update("mine", {"key": "team/mine", "maxTokens": 9})
    assert (await client.models.get("team/mine")) == changed
    with pytest.raises(UnprocessableEntityError):
        await client.models.create("x", "scripted", "fail:500", options=ModelOptions(require_probe=True))
    tried = await client.models.create(
        "y", "scripted", "echo", options=ModelOptions(probe=True, extra_payload={"a": 1})
    )
    assert tried.probe is not None
    assert (tried.probe.ok, tried.extra_payload, tried.warnings) == (True, {"a": 1}, ())
    wanted = CatalogFilter(query="claude", companies=["Anthropic"], providers=["anthropic", "aws"], usable=False)
    found = [model async for model in client.models.catalog(wanted, limit=3)]
    assert [model.company for model in found] == ["Anthropic"] * 3
    assert await client.models.public(found[0].key) == found[0]


async def test_a_project_chooses_its_models_and_settings(client):
    assert not (await client.project.models()).chosen
    chosen = await client.project.set_models(["scripted/echo", "openai/gpt-4o-mini"])
    assert [model.key for model in chosen.models] == ["scripted/echo", "openai/gpt-4o-mini"]
    assert (await client.project.benchmarks()).ids is None
    assert (await client.project.set_benchmarks(["sorting"])).ids == ((await client.benchmarks.get("sorting")).id,)
    judged = await client.project.set_settings(ProjectSettings(default_judge_model="scripted/echo"))
    assert await client.project.settings() == judged


async def test_what_became_of_items_and_how_fast(client):
    await client.flows.create(DOCUMENT)
    handle = await client.flows.run("label", [{"text": "good"}, {"text": "ugly"}, {"text": "bad"}])
    await handle.wait(timeout=20)
    assert (await handle.item("1")).status == "failed"
    counts = await handle.item_counts()
    assert (counts.succeeded, counts.failed) == (2, 1)
    pace = await handle.pace()
    assert sum(point.finished for point in pace.points) == 3
    assert all(point.duration_ms_p50 is not None for point in pace.points)


async def test_whose_the_key_is(client):
    whoami = await client.whoami()
    assert (whoami.organization.name, whoami.project.name) == ("default", "default")
    assert "executions:run" in whoami.key.scopes
