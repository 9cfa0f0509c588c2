"""Two evaluations row by row."""

from __future__ import annotations

import pytest

from .client import Client, Refused


@pytest.fixture(scope="module")
def second(client: Client, custom: str, benchmark: str) -> str:
    """The same benchmark, answered by a model that echoes, too: no row differs."""
    return client.wait(client.evaluate(custom, benchmark).id).id


def test_all_rows_and_those_of_an_outcome(client: Client, evaluation: str, second: str) -> None:
    found = client.compare(evaluation, second, page=1, page_size=4)
    assert (found.total_count, len(found.results or ())) == (10, 4)
    assert (found.correct_count_1, found.total_results_1) == (found.correct_count_2, found.total_results_2) == (6, 10)
    first = (found.results or [])[0]
    assert (first.prompt, first.result1, first.result2, first.score1, first.score2) == (
        "word 0",
        "word 0",
        "word 0",
        1.0,
        1.0,
    )
    failed = client.compare(evaluation, second, outcome_filter="both_fail", page=2, page_size=3)
    assert (failed.total_count, [one.truth for one in failed.results or ()]) == (4, ["another 3"])
    assert failed.correct_count_1 == 6
    assert client.compare(evaluation, second, outcome_filter="reference_fails").total_count == 0
    assert client.compare(evaluation, second, outcomeFilter="all", page=99).results == []


def test_rows_with_a_text(client: Client, evaluation: str, second: str) -> None:
    found = client.compare(evaluation, second, search="another", page=2, page_size=3)
    assert (found.total_count, [one.truth for one in found.results or ()]) == (4, ["another 3"])


def test_what_cannot_be_compared_is_refused(client: Client, evaluation: str, second: str, echo: str) -> None:
    public = client.benchmarks("public")[0].id
    elsewhere = client.wait(client.evaluate(echo, public, custom=False).id).id
    for other, status in ((elsewhere, 409), ("0" * 24, 404), (evaluation, 400)):
        with pytest.raises(Refused) as refused:
            client.compare(evaluation, other)
        assert refused.value.status == status
    with pytest.raises(Refused, match="evaluation_id_2"):
        client.get("/results/comparison", evaluation_id_1=evaluation)
    with pytest.raises(Refused, match="outcome_filter"):
        client.compare(evaluation, second, outcome_filter="neither")
