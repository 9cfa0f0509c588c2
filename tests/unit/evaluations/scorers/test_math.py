from __future__ import annotations

from collections.abc import Iterator

import pytest

from penstock.evaluations.scorers.base import Sample, Scored, ScoreError, ScoringContext, Unscorable
from penstock.evaluations.scorers.math import Math, MathSettings, pool


@pytest.fixture(autouse=True, scope="module")
def _workers() -> Iterator[None]:
    yield
    pool().close()


async def _score(context: ScoringContext, answer: str, truth: object, **settings: object) -> object:
    return await Math(MathSettings.model_validate(settings)).score(Sample("1", "", answer, truth), context)  # type: ignore[arg-type]


async def test_answers_are_compared_by_what_they_mean(unused_context: ScoringContext) -> None:
    right = [
        (r"So the answer is $\boxed{\frac{1}{2}}$.", "0.5"),
        ("The answer is $x + 1$", "1+x"),
        (r"\frac{\sqrt{3}}{2}", r"\sqrt{3}/2"),
        ("18", 18),
        ("It is 18 in all", ["17", "18"]),
        (r"$\{3, 1, 2\}$", r"\{1, 2, 3\}"),
        (r"\boxed{2\pi}", "6.283185"),
    ]
    for answer, truth in right:
        outcome = await _score(unused_context, answer, truth)
        assert isinstance(outcome, Scored), (answer, outcome)
        assert outcome.value == 1, (answer, outcome)
    for answer, truth in [(r"\boxed{\frac{1}{3}}", "0.5"), ("$x - 1$", "1+x"), ("17", 18)]:
        outcome = await _score(unused_context, answer, truth)
        assert isinstance(outcome, Scored), (answer, outcome)
        assert outcome.value == 0, (answer, outcome)
        assert "does not equal" in (outcome.explanation or "")


async def test_an_answer_without_mathematics_is_wrong_or_left_out(unused_context: ScoringContext) -> None:
    for answer in ("", "I cannot help with that."):
        outcome = await _score(unused_context, answer, 18)
        assert outcome == Scored(0.0, None, "There is no mathematical expression in the answer.")
    assert isinstance(await _score(unused_context, "", 18, onNoAnswer="unscorable"), Unscorable)


async def test_a_row_without_a_mathematical_truth_cannot_be_scored(unused_context: ScoringContext) -> None:
    assert isinstance(await _score(unused_context, "18", None), Unscorable)
    assert isinstance(await _score(unused_context, "18", "I do not know"), Unscorable)


async def test_what_takes_too_long_to_compare_is_an_error_and_the_next_answer_is_scored(
    unused_context: ScoringContext,
) -> None:
    outcome = await _score(unused_context, "$10^{10^{10}}$", 2, seconds=1)
    assert outcome == ScoreError("Comparing took longer than 1 s.")
    assert await _score(unused_context, "2", 2) == Scored(1.0, "2")


async def test_a_megabyte_of_answer_is_read_from_its_end(unused_context: ScoringContext) -> None:
    outcome = await _score(unused_context, "word " * 200_000 + r"so \boxed{18}", 18)
    assert isinstance(outcome, Scored)
    assert outcome.value == 1
