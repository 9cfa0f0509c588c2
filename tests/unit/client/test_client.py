"""Both clients against a real HTTP server that keeps to the contract, and breaks it on demand."""

from __future__ import annotations

import threading

import pytest
from client_test_api import answer, cut, every, now

from penstock import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APITimeoutError,
    AsyncPenstock,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    ExecutionCancelled,
    ExecutionFailed,
    ExecutionTimeout,
    NotFoundError,
    Penstock,
    RunOptions,
)


async def test_a_sync_call_returns_the_results(api, client):
    assert await now(client.flows.execute("echo", {"text": "hi"})) == {"text": "hi"}
    (seen,) = api.seen
    assert seen.headers["authorization"] == "Bearer key"
    assert seen.headers["idempotency-key"]
    assert "prefer" not in seen.headers


async def test_a_dropped_sync_call_attaches_to_the_same_run(api, client):
    async def begin_then_cut(request):
        api._begin(request, await request.json())
        return await cut(request)

    api.fail("/flows/echo/execute", begin_then_cut, cut)
    assert await now(client.flows.execute("echo", {"text": "hi"})) == {"text": "hi"}
    assert len(api.seen) == 3
    assert len({seen.headers["idempotency-key"] for seen in api.seen}) == 1
    assert len(api.runs) == 1


async def test_the_callers_own_idempotency_key_is_sent(api, client):
    await now(client.flows.execute("echo", {}, idempotency_key="order-7"))
    assert api.seen[0].headers["idempotency-key"] == "order-7"


async def test_429_and_503_are_waited_out(api, client):
    api.fail("/flows", answer(429, Retry_After="0"), answer(503))
    assert [flow.name for flow in await every(client.flows.list())] == ["echo"]
    assert len(api.seen) == 3


async def test_it_gives_up_after_the_retries_it_was_given(api):
    async with AsyncPenstock(api.url, "key", max_retries=1) as client:
        api.fail("/flows", *[answer(502)] * 5)
        with pytest.raises(APIStatusError) as caught:
            await client.flows.get("f1")
    assert caught.value.status == 502
    assert len(api.seen) == 2


async def test_what_may_have_taken_effect_is_not_repeated(api, client):
    api.fail("/flows", cut)
    with pytest.raises(APIConnectionError):
        await now(client.flows.create({"name": "x"}))
    assert len(api.seen) == 1


async def test_hybrid_returns_results_when_they_are_there_in_time(api, client):
    assert await now(client.flows.execute("echo", {"text": "hi"}, wait=30)) == {"text": "hi"}
    assert api.seen[0].headers["prefer"] == "wait=30"


async def test_hybrid_returns_the_handle_of_the_same_run_otherwise(api, client):
    handle = await now(client.flows.execute("slow", {"text": "hi"}, wait=0))
    assert handle.status == "running"
    api.finish(handle.id, results={"text": "hi"})
    final = await now(handle.wait(timeout=10))
    assert (final.status, final.results) == ("completed", {"text": "hi"})
    assert list(api.runs) == [handle.id]


async def test_an_id_of_dots_leads_to_no_other_path(api, client):
    for name in (".", "..", "a/../b"):
        with pytest.raises(NotFoundError):
            await now(client.flows.get(name))
    assert [seen.path for seen in api.seen] == ["/flows/.", "/flows/..", "/flows/a/../b"]


async def test_a_sync_call_over_its_deadline_raises_with_the_handle(api, client):
    with pytest.raises(ExecutionTimeout) as caught:
        await now(client.flows.execute("late", {}))
    assert caught.value.handle.id == caught.value.execution_id
    assert len(api.seen) == 1, "a run that is over is not started again"
    assert (await now(caught.value.handle.refresh())).execution_id == caught.value.execution_id


async def test_a_failed_sync_call_raises_with_the_error_object(api, client):
    with pytest.raises(ExecutionFailed, match="it broke") as caught:
        await now(client.flows.execute("broken", {}))
    assert (caught.value.error.code, caught.value.error.node) == ("code_raised", "n1")


async def test_wait_for_completion_takes_an_id_and_tells_progress(api, client):
    handle = await now(client.flows.execute_async("slow", {}))
    states = []

    def tell(state):
        states.append(state.status)
        if len(states) == 1:
            api.finish(handle.id)

    final = await now(client.executions.wait_for_completion(handle.id, 10, tell))
    assert final.done
    assert states[0] == "running"
    assert states[-1] == "completed"


async def test_waiting_ends_with_the_time_and_the_run_goes_on(api, client):
    handle = await now(client.flows.execute_async("slow", {}))
    with pytest.raises(APITimeoutError, match="it goes on"):
        await now(handle.wait(timeout=0.05))
    api.finish(handle.id)
    assert (await now(handle.wait(timeout=10))).status == "completed"


async def test_a_run_that_fails_or_is_cancelled_raises_when_waited_for(api, client):
    failed = await now(client.flows.run("broken", [{}]))
    with pytest.raises(ExecutionFailed) as caught:
        await now(failed.wait())
    assert caught.value.handle is failed
    cancelled = await now(client.flows.run("slow", [{}]))
    assert (await now(cancelled.cancel())).status == "cancelled"
    with pytest.raises(ExecutionCancelled):
        await now(client.flows.wait_for_completion(cancelled))
    with pytest.raises(ConflictError):
        await now(failed.cancel())


async def test_polling_survives_a_server_that_restarts(api, client):
    handle = await now(client.flows.execute_async("slow", {}))
    api.fail("/executions", cut, answer(503, Retry_After="0"), cut)
    api.finish(handle.id)
    assert (await now(handle.wait(timeout=10))).status == "completed"


async def test_run_sends_inputs_or_a_dataset_with_its_options(api, client):
    options = RunOptions(version=2, deadline_seconds=60.0, on_item_error={"maxFailed": "5%"})
    await now(client.flows.run("echo", [{"a": 1}], options=options))
    assert api.seen[0].json == {
        "mode": "async",
        "inputs": [{"a": 1}],
        "version": 2,
        "deadlineSeconds": 60.0,
        "onItemError": {"maxFailed": "5%"},
    }
    await now(client.flows.run("echo", dataset="reviews"))
    assert api.seen[1].json == {"mode": "async", "dataset": "reviews"}
    with pytest.raises(ValueError, match="either inputs or dataset"):
        await now(client.flows.run("echo"))


async def test_retry_runs_inside_the_same_execution(api, client):
    handle = await now(client.flows.run("partial", [{}, {}]))
    assert (await now(handle.wait())).partial
    failed = await every(handle.items(status="failed"))
    assert [item.path for item in failed] == ["1"]
    assert failed[0].error.node == "ask"
    await now(handle.retry())
    final = await now(handle.wait(timeout=10))
    assert not final.partial
    assert api.of("POST", f"/executions/{handle.id}/retry")[0].json == {"items": "failed"}
    assert len(api.runs) == 1


async def test_results_are_read_or_saved(api, client, tmp_path):
    handle = await now(client.flows.run("partial", [{}, {}]))
    assert await now(handle.results()) == [{"label": "good"}, None]
    target = tmp_path / "out.json"
    assert await now(handle.save_results(target, "json")) == target.stat().st_size
    assert "good" in target.read_text()


async def test_lists_follow_the_cursor_and_stop_at_the_limit(api, client):
    for _ in range(5):
        await now(client.flows.execute_async("echo", {}))
    assert len(await every(client.executions.list())) == 5
    assert len(await every(client.executions.list(limit=3))) == 3
    pages = api.of("GET", "/executions")
    assert [page.query.get("cursor") for page in pages] == [None, "2", "4", None, "2"]


async def test_a_page_says_where_the_next_one_begins(api, client):
    for _ in range(3):
        await now(client.flows.execute_async("echo", {}))
    first = await now(client.executions.list(status="completed").page())
    rest = await now(client.executions.list(status="completed").page(first.next_cursor, limit=7))
    assert len({run.execution_id for run in (*first.data, *rest.data)}) == 3
    assert rest.next_cursor is None
    asked = api.of("GET", "/executions")[-1].query
    assert (asked["cursor"], asked["limit"], asked["status"]) == ("2", "7", "completed")


async def test_refusals_carry_what_the_server_said(api, client):
    with pytest.raises(NotFoundError) as caught:
        await now(client.flows.get("nothing/like that"))
    assert caught.value.code == "flows_unknown"
    assert "nothing/like that" in caught.value.detail
    api.fail("/flows", answer(200))
    with pytest.raises(APIResponseError, match="not JSON"):
        await now(client.flows.get("f1"))


async def test_a_revoked_key_is_refused(api):
    with Penstock(api.url, "revoked") as client, pytest.raises(AuthenticationError, match="revoked"):
        client.flows.get("f1")


async def test_a_file_is_imported_as_it_is_and_bad_lines_are_named(api, client, tmp_path):
    file = tmp_path / "reviews.csv"
    file.write_text("text\nfine\n" * 3)
    report = await now(client.datasets.import_file(file))
    assert (report.dataset.name, report.rows) == ("reviews", 5)
    (seen,) = api.of("POST", "/datasets")
    assert seen.body == file.read_bytes()
    assert seen.query == {"name": "reviews", "format": "csv", "onBad": "refuse", "mode": "create"}
    file.write_text("text\nfine\nBAD\n")
    with pytest.raises(BadRequestError) as caught:
        await now(client.datasets.import_file(file))
    assert caught.value.errors[0].line == 3
    with pytest.raises(ValueError, match="say which format"):
        await now(client.datasets.import_file(tmp_path / "reviews.xls"))


async def test_an_export_is_written_as_it_comes(api, client, tmp_path):
    target = tmp_path / "out.csv"
    assert await now(client.datasets.export("d1", target)) == target.stat().st_size == 550_000


async def test_an_export_that_is_refused_leaves_no_file(api, client, tmp_path):
    api.fail("/datasets", answer(404))
    with pytest.raises(NotFoundError):
        await now(client.datasets.export("d1", tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()


async def test_nobody_listening_is_said_with_the_address():
    async with AsyncPenstock("http://127.0.0.1:9", max_retries=0) as client:
        with pytest.raises(APIConnectionError, match=r"cannot reach Penstock at http://127\.0\.0\.1:9"):
            await client.flows.get("x")


async def test_an_answer_that_does_not_come_is_a_timeout(api):
    release = threading.Event()

    async def hang(request):
        import asyncio

        await asyncio.to_thread(release.wait, 10)
        return await cut(request)

    api.fail("/flows", hang)
    try:
        async with AsyncPenstock(api.url, timeout=0.1, max_retries=0) as client:
            with pytest.raises(APITimeoutError):
                await client.flows.get("f1")
    finally:
        release.set()
