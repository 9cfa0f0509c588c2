"""`client.optimizations` against the real application, inside this process, with a scripted model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from penstock import AsyncPenstock, BadRequestError, CandidateEvent, ConflictError, NotFoundError
from penstock.testing.model_server import ModelServer

PROMPT = "Sort this: {{ text }}"
BETTER = f"{PROMPT} What is overdrawn is billing."
SCRIPT = [
    {"model": "reflect", "contains": "overdrawn", "text": f"```\n{BETTER}\n```"},
    {"model": "reflect", "text": "I would not change a thing."},
    {"model": "sort", "contains": "is billing.", "text": "billing"},
    {"model": "sort", "text": "delivery"},
]
OPTIONS = {"dataset": "messages", "truth": "kind", "budget": 100, "reflectionModel": "scripted/reflect"}


@pytest.fixture
async def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncPenstock]:
    from penstock.server.app import create_app, embedded_key
    from penstock.settings import Settings

    with ModelServer.start(rules=SCRIPT) as server:
        monkeypatch.setenv("PENSTOCK_SCRIPTED_URL", server.url)
        app = create_app(Settings(data_dir=tmp_path / "data"))
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app=app)
            async with AsyncPenstock("http://here", embedded_key(app), transport=transport, max_retries=0) as client:
                await client.prompts.create("sort", {"prompt": PROMPT, "model": "scripted/sort"})
                file = tmp_path / "messages.csv"
                rows = [f"the account {n} is overdrawn,billing\nparcel {n} is late,delivery" for n in range(20)]
                file.write_text("\n".join(["text,kind", *rows]))
                await client.datasets.import_file(file, "messages")
                yield client


async def test_a_prompt_is_optimized_from_estimate_to_apply(client: AsyncPenstock, tmp_path: Path) -> None:
    optimizations = client.optimizations
    estimate = await optimizations.estimate(prompt="sort", options=OPTIONS)
    assert (estimate.metric_calls, estimate.annotations, estimate.parts.test) == (100, 40, 12)
    assert estimate.worst_case["modelCalls"] > 100
    handle = await optimizations.create(prompt="sort", options=OPTIONS, idempotency_key="once")
    again = await optimizations.create(prompt="sort", options=OPTIONS, idempotency_key="once")
    assert (handle.id, handle.progress.kind) == (again.id, "optimization")
    told = [event async for event in handle.events() if isinstance(event, CandidateEvent)]
    found = await optimizations.wait_for_completion(handle)
    assert found.report is not None
    assert found.report.original == PROMPT
    assert found.report.metric_calls <= found.report.metric_calls_allowed == 100
    tried = await handle.candidates()
    assert tried == await optimizations.candidates(handle.id)
    assert [(one.number, one.status) for one in tried] == [(one.number, one.status) for one in told]
    assert (tried[0].status, tried[0].instruction) == ("seed", PROMPT)
    # The rule makes billing of everything: it does no better as a whole, and is not taken by surprise.
    assert {one.instruction for one in tried} >= {PROMPT, BETTER}
    assert [one.id async for one in optimizations.list(kind="prompt", subject="sort")] == [handle.id]
    assert not [one async for one in optimizations.list(kind="judge")]
    assert await optimizations.save_plot(handle.id, tmp_path / "kappa.svg") > 0
    assert (tmp_path / "kappa.svg").read_text().startswith("<svg")


async def test_what_is_wrong_is_named(client: AsyncPenstock) -> None:
    optimizations = client.optimizations
    with pytest.raises(BadRequestError, match="judge or a prompt"):
        await optimizations.create()
    with pytest.raises(BadRequestError) as refused:
        await optimizations.estimate(prompt="sort", options={**OPTIONS, "budget": 20})
    assert [fault.path for fault in refused.value.errors] == ["budget"]
    with pytest.raises(NotFoundError):
        await optimizations.get("nothing")
    with pytest.raises(NotFoundError):
        await optimizations.apply("nothing", force=True)


async def test_what_is_not_over_has_nothing_to_apply_or_draw(client: AsyncPenstock, tmp_path: Path) -> None:
    handle = await client.optimizations.create(prompt="sort", options=OPTIONS)
    await handle.cancel()
    with pytest.raises(ConflictError):
        await handle.apply()
    with pytest.raises(ConflictError):
        await client.optimizations.save_plot(handle.id, tmp_path / "kappa.svg")
