"""The scorers that say how near two texts are: levenshtein, rouge_l, bleu, chrf."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.evaluations.scorers.base import Sample, Scored, ScoringContext, Unscorable
from penstock.evaluations.scorers.bleu import Bleu, BleuSettings
from penstock.evaluations.scorers.rouge_l import longest_common_subsequence

CAT = "The cat sat on the mat."


@pytest.mark.parametrize("kind", ["levenshtein", "rouge_l", "bleu", "chrf"])
def test_the_same_text_is_1_and_nothing_in_common_is_0(grade, kind: str) -> None:
    assert grade(kind, CAT, CAT).value == pytest.approx(1)
    assert grade(kind, "xyz", CAT.replace("s", "")).value == pytest.approx(0, abs=0.01)
    assert grade(kind, "", CAT).value == 0
    assert grade(kind, CAT, ["Something else entirely", CAT]).value == pytest.approx(1)
    assert isinstance(grade(kind, CAT), Unscorable)


def test_levenshtein_is_one_minus_edits_over_the_longer_text(grade) -> None:
    assert grade("levenshtein", "kitten", "sitting").value == pytest.approx(1 - 3 / 7)
    assert grade("levenshtein", "KITTEN", "kitten", ignoreCase=True).value == 1
    assert grade("levenshtein", "", "").value == 1


def test_long_texts_are_compared_in_part_and_say_so(grade) -> None:
    outcome = grade("levenshtein", "a" * 1_000_000, "a" * 30_000)
    assert outcome == Scored(1.0, None, "Only the first 20,000 characters were compared.")
    outcome = grade("rouge_l", "word " * 200_000, "word " * 6_000)
    assert outcome == Scored(1.0, None, "Only the first 5,000 words were compared.")


def test_rouge_l_by_the_example_of_its_paper(grade) -> None:
    """Lin (2004), section 3.1: S1 is the reference; S2 shares three of its four words in order, S3 two."""
    reference = "police killed the gunman"
    assert grade("rouge_l", "police kill the gunman", reference).value == pytest.approx(3 / 4)
    assert grade("rouge_l", "the gunman kill police", reference).value == pytest.approx(2 / 4)
    assert grade("rouge_l", "police", reference, measure="precision").value == 1
    assert grade("rouge_l", "police", reference, measure="recall").value == 1 / 4
    assert grade("rouge_l", "police", reference).value == pytest.approx(2 / 5)


@given(st.lists(st.sampled_from("abc"), max_size=30), st.lists(st.sampled_from("abcd"), max_size=30))
@settings(max_examples=100, deadline=None)
def test_the_longest_common_subsequence_is_that_of_the_usual_table(left: list[str], right: list[str]) -> None:
    row = [0] * (len(right) + 1)
    for one in left:
        before = row
        row = [0]
        for place, other in enumerate(right):
            row.append(before[place] + 1 if one == other else max(before[place + 1], row[place]))
    assert longest_common_subsequence(left, right) == row[-1]


def test_bleu_and_chrf_are_those_of_sacrebleu(grade) -> None:
    import sacrebleu

    answer, truths = "The cat is on the mat, I think.", ["The cat sat on the mat.", "There is a cat on the mat."]
    bleu = sacrebleu.sentence_bleu(answer, truths, use_effective_order=True).score
    assert grade("bleu", answer, truths).value == pytest.approx(bleu / 100)
    assert grade("chrf", answer, truths).value == pytest.approx(sacrebleu.sentence_chrf(answer, truths).score / 100)
    plus_plus = sacrebleu.sentence_chrf(answer, truths, word_order=2).score
    assert grade("chrf", answer, truths, wordOrder=2).value == pytest.approx(plus_plus / 100)
    assert grade("bleu", answer.upper(), truths, ignoreCase=True).value == pytest.approx(bleu / 100)


@pytest.mark.parametrize("tokenize", ["13a", "intl", "zh", "char", "none"])
def test_every_tokenizer_of_bleu_works_without_a_network(grade, tokenize: str) -> None:
    assert grade("bleu", "一只猫 坐在 垫子 上", "一只猫 坐在 垫子 上", tokenize=tokenize).value == pytest.approx(1)


async def test_a_long_text_is_scored_off_the_event_loop_and_to_the_same_value(unused_context: ScoringContext) -> None:
    words = random.Random(4).choices(["cat", "sat", "mat", "on", "the"], k=3_000)
    sample = Sample("1", "", " ".join(words), " ".join(words[100:]))
    scorer = Bleu(BleuSettings())
    assert await scorer.score(sample, unused_context) == scorer.grade(sample)
