from __future__ import annotations

import pytest

from penstock.evaluations.scorers.base import Scored, Unscorable
from penstock.evaluations.scorers.verifiable import KINDS

LEAST_3 = {"num_words": 3, "relation": "at least"}
CASES = [
    ("keywords:existence", {"keywords": ["cat", "Dog"]}, ["Cats and dogs"], ["Cats", "c.t dog"]),
    ("keywords:frequency", {"keyword": "cat", "frequency": 2, "relation": "at least"}, ["cat Cat"], ["cat"]),
    ("keywords:frequency", {"keyword": "cat", "frequency": 2, "relation": "less than"}, ["cat"], ["cat, category"]),
    ("keywords:forbidden_words", {"forbidden_words": ["cat"]}, ["category"], ["A CAT!"]),
    ("keywords:letter_frequency", {"letter": "Q", "let_frequency": 2, "let_relation": "at least"}, ["qQ"], ["q"]),
    ("keywords:letter_frequency", {"letter": "!", "let_frequency": 1, "let_relation": "less than"}, ["q"], ["q!"]),
    ("length_constraints:number_words", LEAST_3, ["one, two-three"], ["one two"]),
    ("length_constraints:number_words", {**LEAST_3, "relation": "less than"}, ["one two"], ["one two three"]),
    (
        "length_constraints:number_sentences",
        {"num_sentences": 2, "relation": "at least"},
        ["Dr. Who came. He left."],
        ["Dr. Who came"],
    ),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["a\n***\nb", "***\na\n***\nb\n***"],
        ["a\n\nb", "a\n***\n***\nb", "a***b***c"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Hello"},
        ["One.\n\nhello there", 'One.\n\n\'"Hello", he said', 'One.\n\n"Hello!" he said'],
        ["One.\n\nOh, hello", "Hello.\n\nYou.", "One.\n\nTwo.\n\nHello", "One\n\n\n\nHello"],
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, ["[a] and [b]"], ["[a]", "[a\n]", "[[a]"]),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, ["x\nP. s. y"], ["x PS y"]),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, ["x\np.p. S y"], ["P.S. y"]),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, ["* a\n\n - b", "*a\n* b"], ["* a", "** a\n* b"]),
    ("detectable_format:constrained_response", {}, ["Well. My answer is no."], ["My answer is no"]),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 2}, ["*a* **b**"], ["*a*", "** ** *a\nb*"]),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Section", "num_sections": 2},
        ["Section 1\na\nSection2 b"],
        ["SECTION 1 SECTION 2", "Section 1", "Section A, Section B"],
    ),
    ("detectable_format:json_format", {}, ['{"a": [1]}', '```json\n{"a": 1}\n```', "5"], ["{a: 1}", "It is {}"]),
    ("detectable_format:title", {}, ["<<A title>>\nText", "x <<<a>>>"], ["<A title>", "<< >>", "<<a\nb>>", ">> <<"]),
    ("combination:two_responses", {}, ["a\n******\nb", "******a******b******"], ["a", "a******a", "a************b"]),
    (
        "combination:repeat_prompt",
        {"prompt_to_repeat": "Say  it."},
        ["say  it.\nHello"],
        ["Say it.", "Hello. Say  it."],
    ),
    ("startend:end_checker", {"end_phrase": "The end."}, ['So. THE END."', "The end. "], ["The end. Or not."]),
    ("startend:quotation", {}, ['"All of it."', '\n"a"\n'], ['"a" b', '"', "'a'"]),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        ["THE cat", "123 456"],
        ["THE CAT", "I AM-HERE now"],
    ),
    ("change_case:english_capital", {}, ["ALL OF IT, 1."], ["All", "123", "ВСЁ ЭТО"]),
    ("change_case:english_lowercase", {}, ["all of it, 1."], ["All", "123", "всё это"]),
    ("punctuation:no_comma", {}, ["a b"], ["a, b"]),
]


@pytest.mark.parametrize(("kind", "kwargs", "good", "bad"), CASES, ids=[case[0] for case in CASES])
def test_each_kind_tells_what_follows_from_what_does_not(grade, kind, kwargs, good, bad) -> None:
    metadata = {"instructions": [{"id": kind, "kwargs": kwargs}]}
    assert {answer: grade("instructions", answer, metadata=metadata).value for answer in good} == dict.fromkeys(good, 1)
    assert {answer: grade("instructions", answer, metadata=metadata).value for answer in bad} == dict.fromkeys(bad, 0)
    assert grade("instructions", " \n", metadata=metadata).value == 0


def test_there_are_the_25_kinds_of_the_paper_but_the_one_that_tells_languages_apart() -> None:
    assert len(KINDS) == 24
    assert {case[0] for case in CASES} == set(KINDS)


TWO = {"instructions": [{"id": "punctuation:no_comma", "kwargs": None}, {"id": "startend:quotation", "kwargs": {}}]}


def test_all_or_the_share_of_instructions(grade) -> None:
    assert grade("instructions", '"a"', metadata=TWO).value == 1
    assert grade("instructions", "a", metadata=TWO) == Scored(0.0, None, "Not followed: startend:quotation.")
    assert grade("instructions", "a", metadata=TWO, measure="share").value == 0.5


@pytest.mark.parametrize(
    "answer", ['Sure, here it is:\n"a"', '"a"\nI hope, it helps.', 'Sure, yes:\n**"a"**\nWell, so.']
)
def test_loose_accuracy_forgives_what_stands_around(grade, answer: str) -> None:
    assert grade("instructions", answer, metadata=TWO).value == 0
    assert grade("instructions", answer, metadata=TWO, accuracy="loose").value == 1


def test_loose_accuracy_does_not_take_an_empty_remainder_for_an_answer(grade) -> None:
    metadata = {"instructions": [{"id": "punctuation:no_comma", "kwargs": {}}]}
    assert grade("instructions", "one, line", metadata=metadata, accuracy="loose").value == 0


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({}, "no metadata.instructions"),
        ({"instructions": []}, "no metadata.instructions"),
        ({"instructions": ["be nice"]}, "no such kind"),
        ({"instructions": [{"id": "be:nice", "kwargs": {}}]}, "be:nice cannot be checked"),
        ({"instructions": [{"id": "language:response_language", "kwargs": {"language": "de"}}]}, "languages apart"),
        ({"instructions": [{"id": "keywords:existence", "kwargs": {}}]}, "it has no keywords"),
        ({"instructions": [{"id": "keywords:existence", "kwargs": {"keywords": "cat"}}]}, "must be a list of texts"),
        (
            {"instructions": [{"id": "length_constraints:number_words", "kwargs": {"num_words": 1.5}}]},
            "must be a whole number",
        ),
        (
            {"instructions": [{"id": "length_constraints:number_words", "kwargs": {**LEAST_3, "relation": "about"}}]},
            "'less than' or 'at least'",
        ),
    ],
)
@pytest.mark.parametrize("answer", ["Some answer", ""])
def test_a_row_whose_instructions_cannot_be_checked_has_no_score_whatever_the_answer(
    grade, answer, metadata, reason
) -> None:
    outcome = grade("instructions", answer, metadata=metadata)
    assert isinstance(outcome, Unscorable)
    assert reason in outcome.reason


def test_counts_from_files_of_tables_are_read(grade) -> None:
    metadata = {"instructions": [{"id": "length_constraints:number_words", "kwargs": {**LEAST_3, "num_words": 3.0}}]}
    assert grade("instructions", "one two three", metadata=metadata).value == 1
