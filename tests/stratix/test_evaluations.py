"""Evaluations, their results, and waiting for them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from penstock.executions.model import Status
from penstock.server.stratix.statuses import EVALUATION, STREAM

from .client import Client, Refused
from .conftest import ROWS, Server, written


def test_an_evaluation_is_created_in_a_list_and_read_bare(client: Client, echo: str, benchmark: str) -> None:
    made = client.evaluate(echo, benchmark)
    assert made.status in ("pending", "in-progress", "success")
    assert abs(made.submitted_at - time.time()) < 60
    done = client.wait(made.id)
    assert (done.status, done.status_description, done.failed_prompt_count) == ("success", "", 0)
    assert done.finished_at >= done.submitted_at
    assert done.accuracy == pytest.approx(0.6)
    assert (done.model_id, done.model_key) == (echo, "scripted/echo")
    assert (done.dataset_id, done.dataset_name) == (benchmark, "Echoes")
    assert done.readability_score > 0
    assert (done.toxicity_score, done.ethics_score) == (0.0, 0.0)


def test_a_summary_is_made_of_the_statistics(client: Client, evaluation: str) -> None:
    found = client.evaluation(evaluation).summary
    assert found is not None
    assert found.dataset.total_size == len(ROWS)
    assert [one.name for one in found.task_types or ()] == ["different", "same"]
    assert [one.partition(":")[0] for one in found.performance_details.strengths or ()] == ["same", "different"]
    assert found.model.performance["exact"] == pytest.approx(0.6)
    assert "0.600" in (found.analysis_summary.key_takeaways or [""])[0]
    assert client.evaluation(evaluation).summary == found


def test_durations_are_seconds(client: Client, server: Server, custom: str, benchmark: str) -> None:
    done = client.wait(client.evaluate(custom, benchmark).id)
    own = server.own.get(f"/evaluations/{done.id}/results", params={"limit": 10}).json()["data"]
    taken = [row["latencyMs"] for row in own]
    assert sum(taken) > 0
    assert [one.duration * 1000 for one in client.all_results(done.id)] == pytest.approx(taken)
    assert done.average_duration == round(sum(taken) / len(taken))


def test_results_come_in_pages(client: Client, evaluation: str) -> None:
    page = client.results(evaluation, 2, 4)
    assert (page.evaluation_id, page.metrics.total_count, len(page.results)) == (evaluation, 10, 4)
    every = client.all_results(evaluation, 4)
    assert [(one.prompt, one.result, one.truth, one.subset) for one in every] == [
        (row["input"], row["input"], row["truth"], row["subset"]) for row in ROWS
    ]
    assert sum(one.score > 0.5 for one in every) == 6
    assert every[0].metrics["exact"] == 1.0
    assert set(every[0].metrics) == {"exact", "readability"}


def test_a_list_is_filtered_sorted_and_counted(client: Client, echo: str, benchmark: str, evaluation: str) -> None:
    found = client.evaluations(models=echo, datasets=benchmark, status="success", sort_by="accuracy", order="desc")
    assert evaluation in [one.id for one in found.evaluations]
    assert found.total_count >= len(found.evaluations) >= 1
    newest = client.evaluations(
        models=echo,
        datasets=benchmark,
        status="success",
        sort_by="submittedAt",
        order="desc",
        page_size=1,
        unique="true",
    )
    assert len(newest.evaluations) == newest.total_count == 1
    assert client.evaluations(status="in-progress,timeout", datasets=benchmark).evaluations == []
    assert client.evaluations(models="f" * 24).total_count == 0
    assert client.evaluations(page=1_000).evaluations == []
    # Bounds are kept to, not refused.
    assert client.evaluations(page_size=5_000, page=0).evaluations


def test_older_names_of_parameters_are_understood(client: Client, evaluation: str) -> None:
    mine = {"organizationID": client.organization.id, "projectID": client.project_id}
    found = client.get("/evaluations", **mine, pageSize=1, sortBy="averageDuration", sortOrder="asc")
    assert len(found["evaluations"]) == 1


def test_a_list_shows_the_same_as_the_evaluation(client: Client, evaluation: str) -> None:
    listed = {one.id: one for one in client.evaluations().evaluations}
    assert listed[evaluation] == client.evaluation(evaluation)


def test_pause_and_cancel_in_the_words_of_that_protocol(
    client: Client, server: Server, custom: str, tmp_path: Path
) -> None:
    rows = written(
        tmp_path, [{"input": f"row {n}", "truth": "x"} for n in range(3)] + [{"input": "wait", "truth": "x"}]
    )
    made = client.evaluate(custom, client.create_benchmark("Waiting", rows).benchmark_id)
    execution_id = server.own.get(f"/evaluations/{made.id}").json()["executionId"]
    while len(client.all_results(made.id)) < 3:
        assert not client.evaluation(made.id).finished
    running = client.evaluation(made.id)
    assert (running.status, running.finished_at, running.summary) == ("in-progress", 0, None)
    assert client.results(made.id).metrics.total_count == 4
    server.own.post(f"/executions/{execution_id}/cancel").raise_for_status()
    ended = client.evaluation(made.id)
    assert (ended.status, ended.finished) == ("failure", True)
    assert ended.status_description.startswith("cancelled")
    assert made.id in [one.id for one in client.evaluations(status="failure").evaluations]

    held = client.evaluate(custom, made.dataset_id)
    execution_id = server.own.get(f"/evaluations/{held.id}").json()["executionId"]
    server.own.post(f"/executions/{execution_id}/pause").raise_for_status()
    assert client.evaluation(held.id).status in ("in-progress", "paused")
    server.own.post(f"/executions/{execution_id}/cancel").raise_for_status()


def test_rows_without_an_answer_are_counted_and_never_scored(client: Client, custom: str, tmp_path: Path) -> None:
    rows = written(tmp_path, [{"input": "good", "truth": "good"}, {"input": "boom", "truth": "boom"}])
    made = client.evaluate(custom, client.create_benchmark("Half", rows).benchmark_id)
    done = client.wait(made.id)
    assert (done.status, done.failed_prompt_count, done.accuracy) == ("success", 1, 1.0)
    assert done.status_description == "1 of 2 rows got no answer"
    good, bad = client.all_results(made.id)
    assert (good.score, good.metrics) == (1.0, {"exact": 1.0})
    assert (bad.score, bad.metrics, bad.result) == (0.0, {"exact": None}, "")
    assert done.summary is not None
    assert done.summary.error_analysis.common_failure_modes


def test_an_evaluation_without_any_answer_is_no_success(client: Client, custom: str, tmp_path: Path) -> None:
    rows = written(tmp_path, [{"input": f"boom {n}", "truth": "x"} for n in range(2)])
    done = client.wait(client.evaluate(custom, client.create_benchmark("Nothing", rows).benchmark_id).id)
    assert (done.status, done.failed_prompt_count) == ("failure", 2)
    assert done.status_description.startswith("model_refused_request: ")
    assert done.summary is not None
    assert done.summary.analysis_summary.key_takeaways == [
        "Nothing can be said of Loopback on Nothing: no row was scored."
    ]


def test_every_status_has_its_word() -> None:
    assert set(EVALUATION) == set(STREAM) == set(Status)
    assert set(EVALUATION.values()) <= {"pending", "in-progress", "paused", "success", "failure", "timeout"}
    assert set(STREAM.values()) <= {"queued", "running", "paused", "completed", "failed"}


def test_what_is_not_there_or_another_tenants_is_404(client: Client, other: Client, evaluation: str) -> None:
    for asker, evaluation_id in ((client, "0" * 24), (other, evaluation)):
        for read in (asker.evaluation, asker.results):
            with pytest.raises(Refused) as refused:
                read(evaluation_id)
            assert (refused.value.status, refused.value.code) == (404, "evaluation_unknown")
    assert other.evaluations().total_count == 0
    with pytest.raises(Refused) as refused:
        other.evaluations(organization_id=client.organization.id)
    assert refused.value.status == 404


def test_bad_requests_name_the_fault(client: Client, echo: str, benchmark: str) -> None:
    def refusal(body: object) -> Refused:
        with pytest.raises(Refused) as refused:
            client.post(f"{client.p}/evaluations", body)
        return refused.value

    assert refusal([]).status == 400
    assert "model_id" in str(refusal([{"dataset_id": benchmark}]))
    assert refusal([{"model_id": "f" * 24, "dataset_id": benchmark}]).code == "model_unknown"
    assert refusal([{"model_id": echo, "dataset_id": "f" * 24}]).code == "benchmark_unknown"
    with pytest.raises(Refused, match="status"):
        client.evaluations(status="cancelling")
    with pytest.raises(Refused, match="page_size"):
        client.evaluations(page_size="many")
    with pytest.raises(Refused, match="evaluation_id"):
        client.get("/results")
