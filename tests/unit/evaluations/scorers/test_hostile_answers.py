"""Answers that no scorer may stumble over: random ones, and long ones that a careless pattern would never finish."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.evaluations.scorers import registry
from penstock.evaluations.scorers.base import Outcome, Sample, Scored, ScoringContext
from penstock.evaluations.scorers.pure import PureScorer
from penstock.evaluations.scorers.verifiable import KINDS
from penstock.flows.services import Services
from penstock.types import Tenant

CHARS = 40_000
_KWARGS = {
    **dict.fromkeys(("num_words", "num_sentences", "num_paragraphs", "num_bullets", "num_highlights"), 3),
    **dict.fromkeys(("num_placeholders", "num_sections", "nth_paragraph", "frequency", "let_frequency"), 3),
    **dict.fromkeys(("section_spliter", "keyword", "first_word", "end_phrase", "prompt_to_repeat"), "zz"),
    "keywords": ["a"],
    "forbidden_words": ["zz"],
    "letter": "a",
    "postscript_marker": "P.S.",
    "capital_frequency": 3,
}
METADATA = {
    "choices": {"A": "London", "B": "Paris"},
    "instructions": [{"id": kind, "kwargs": _KWARGS} for kind in KINDS],
}
TRUTHS = {"multiple_choice": "B", "json_diff": {"a": [1, 2]}}
SETTINGS = {"regex": {"pattern": r"(?m)^\s*(.*?)\s*$"}, "json_schema": {"schema": {"type": "object"}, "find": True}}
MORE = {"length": {"unit": "sentences", "max": 3}, "contains": {"words": True}}
EVERY_OPTION = dict.fromkeys(("ignoreCase", "ignorePunctuation", "normalizeWhitespace", "normalizeUnicode"), True)
KINDS_OF_SCORERS = (
    *("exact", "contains", "regex", "numeric", "multiple_choice", "json_schema", "json_diff", "levenshtein"),
    *("rouge_l", "readability", "length", "refusal", "instructions"),
)
PIECES = (
    *("A:", "1", "1,", "1,111", "1/", "1 /", "1=", "- ", "\n", "*", "* \n", "*** ", "- x\n", "answer is ", "####"),
    *("\\boxed{", "\\frac{1}{", "((B", "A. b\n", "[", '{"a":', "```\n", "<<", "Mr. ", "é ", "٣", "I can't ", "e1"),
)


def _outcome(kind: str, answer: str) -> Outcome:
    options = {**SETTINGS.get(kind, {}), **MORE.get(kind, {}), **(EVERY_OPTION if kind == "exact" else {})}
    scorer_type = registry()[kind]
    scorer = scorer_type(scorer_type.settings_type.model_validate({"type": kind, **options}))
    sample = Sample("1", "", answer, TRUTHS.get(kind, "5"), METADATA)
    if isinstance(scorer, PureScorer):
        return scorer.grade(sample)
    context = ScoringContext(Tenant("organization", "project"), cast(Services, cast(Any, None)))
    return asyncio.run(scorer.score(sample, context))


@pytest.mark.parametrize("kind", KINDS_OF_SCORERS)
def test_long_answers_take_time_in_proportion(kind: str) -> None:
    """With quadratic work in any of them this takes minutes, with cubic work for ever."""
    for piece in PIECES:
        answer = (piece * (CHARS // len(piece) + 1))[:CHARS]
        assert isinstance(_outcome(kind, answer), Scored), piece


@given(st.text(max_size=300) | st.lists(st.sampled_from((*PIECES, "Paris", "5", " "))).map("".join))
@settings(max_examples=60, deadline=None)
def test_any_answer_has_a_value_from_0_to_1(answer: str) -> None:
    for kind in (*KINDS_OF_SCORERS, "bleu", "chrf"):
        outcome = _outcome(kind, answer)
        assert isinstance(outcome, Scored), kind
        assert 0 <= outcome.value <= 1.0000001, kind
