from __future__ import annotations

import pytest

from penstock.evaluations.scorers.base import Scored, Unscorable

CITIES = {"A": "London", "B": "Paris", "C": "Berlin", "D": "New York"}


@pytest.mark.parametrize(
    "answer",
    [
        "B",
        "b",
        "(B)",
        "[B]",
        "B.",
        "**B**",
        "Ｂ",
        "`B`",
        "Option B",
        "A: B",
        "The answer is B",
        "the answer is b.",
        "The correct answer is **B**: Paris.",
        "The answer is (B), not (A).",
        "Is it A? No. The answer is A. Wait: the answer is B.",
        "Answer: B",
        "**Answer:** B",
        "#### B",
        r"So $\boxed{B}$.",
        r"\boxed{\text{B}}",
        "B. Paris",
        "**B.** Paris",
        "B) Paris; (A) is the capital of another country, and (C) too",
        "Of all these, (B) is the best.",
        "I would choose B because A is wrong",
        "It is not A. A city in France is meant. So B",
        "I think B",
        "A) London\nB) Paris\nC) Berlin\nD) New York\n\nI pick B.",
        "答案是B。",
        "La respuesta correcta es la B.",
    ],
)
def test_a_letter_is_read_however_it_is_written_with_the_choices_known_or_not(grade, answer: str) -> None:
    known = grade("multiple_choice", answer, "B", {"choices": CITIES})
    # With the choices known, "B because A is wrong" still names two letters.
    expected = "A, B" if "A is wrong" in answer else "B"
    assert known.answer == expected
    assert grade("multiple_choice", answer, "(B)").answer == expected
    assert known.value == float(expected == "B")


@pytest.mark.parametrize(
    "answer", ["Paris", "paris.", "**Paris**", "The capital is Paris.", "The answer is Paris, of course, not London."]
)
def test_the_text_of_a_choice_is_as_good_as_its_letter(grade, answer: str) -> None:
    assert grade("multiple_choice", answer, "B", {"choices": CITIES}).answer in ("B", "A, B")
    assert grade("multiple_choice", answer.replace(", not London", ""), "B", {"choices": CITIES}).answer == "B"


@pytest.mark.parametrize(
    "answer",
    ["A or B", "The answer is A or B.", "The answer is (A) and (B).", "(A) or (B)?", "London and Paris", "A, B"],
)
def test_an_ambiguous_answer_is_wrong_and_says_which_choices_it_takes(grade, answer: str) -> None:
    outcome = grade("multiple_choice", answer, "B", {"choices": CITIES})
    assert outcome == Scored(0.0, "A, B", "The answer is ambiguous: it takes A, B.")


@pytest.mark.parametrize(
    "answer", ["", "I cannot answer that.", "The answer is a common mistake", "A) London\nB) Paris", "Rome", "Abba"]
)
def test_an_answer_that_takes_no_choice_is_wrong_or_left_out(grade, answer: str) -> None:
    said = "The answer takes none of the choices."
    assert grade("multiple_choice", answer, "B", {"choices": CITIES}) == Scored(0.0, None, said)
    assert grade("multiple_choice", answer, "B", {"choices": CITIES}, onNoAnswer="unscorable") == Unscorable(said)


@pytest.mark.parametrize("truth", ["B", "(b)", "Paris", "paris.", 1, ["C", "B"]])
@pytest.mark.parametrize(
    "choices",
    [
        CITIES,
        list(CITIES.values()),
        [{"label": label, "text": text} for label, text in CITIES.items()],
        {"label": list(CITIES), "text": list(CITIES.values())},
    ],
)
def test_choices_and_truths_come_in_every_usual_layout(grade, truth, choices) -> None:
    assert grade("multiple_choice", "The answer is B", truth, {"choices": choices}).value == 1
    assert grade("multiple_choice", "The answer is D", truth, {"choices": choices}).value == 0


def test_labels_may_be_digits(grade) -> None:
    choices = {"label": ["1", "2"], "text": ["a lever", "a wheel"]}
    assert grade("multiple_choice", "(2) a wheel", "2", {"choices": choices}).value == 1


def test_the_longer_of_two_choices_is_meant_where_one_is_part_of_the_other(grade) -> None:
    choices = {"A": "acid", "B": "citric acid"}
    assert grade("multiple_choice", "It is citric acid", "B", {"choices": choices}).answer == "B"


def test_choices_further_than_j_are_read_when_the_truth_is_there(grade) -> None:
    assert grade("multiple_choice", "(R)", "(R)").value == 1


@pytest.mark.parametrize("truth", [None, "E", "Rome", 4, True])
def test_a_truth_that_is_no_choice_cannot_be_scored(grade, truth) -> None:
    assert isinstance(grade("multiple_choice", "B", truth, {"choices": CITIES}), Unscorable)
