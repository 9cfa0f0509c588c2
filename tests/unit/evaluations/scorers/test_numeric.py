from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.evaluations.scorers.base import Sample, Scored, Unscorable
from penstock.evaluations.scorers.numeric import Numeric, NumericSettings
from penstock.evaluations.scorers.reading.numbers import NumberRules, number_in

GSM8K = Path(__file__).parents[5] / "shared/data/gsm8k"
RIGHT = {"6b_finetuning": 286, "6b_verification": 515, "175b_finetuning": 458, "175b_verification": 742}


@pytest.mark.skipif(not GSM8K.is_dir(), reason="the recorded answers to GSM8K are not on this machine")
@pytest.mark.parametrize("model", RIGHT)
def test_recorded_answers_to_gsm8k_are_right_exactly_where_their_record_says_so(model: str) -> None:
    scorer = Numeric(NumericSettings())
    with (GSM8K / "test.jsonl").open() as rows, (GSM8K / "example_model_solutions.jsonl").open() as solutions:
        pairs = [(json.loads(row), json.loads(solution)[model]) for row, solution in zip(rows, solutions, strict=True)]
    outcomes = [scorer.grade(Sample("1", "", answer["solution"], row["answer"])) for row, answer in pairs]
    assert all(isinstance(outcome, Scored) for outcome in outcomes)
    assert [outcome.value == 1 for outcome in outcomes] == [answer["is_correct"] for _, answer in pairs]
    assert (sum(outcome.value for outcome in outcomes), len(outcomes)) == (RIGHT[model], 1_319)


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("18", 18),
        ("She has 3 + 4 = 7 left.\n#### 7", 7),
        ("####\n\n  18 ", 18),
        ("### 1. Steps\n#### Step 2: the sum\nThe total is 18 dollars.", 18),
        ("A: 18 eggs, 3 of them broken", 18),
        ("A: 3 + 4 = 7", 7),
        ("The answer is 18. I used 3 steps.", 18),
        ("The answer is 4. No, the answer is 18.", 18),
        ("**Final Answer:**\n\n**$1,234.50**\n\nI hope this helps with question 2!", 1234.5),
        ("**Answer**: _18_", 18),
        ("ANSWER: 18", 18),
        (r"Thus \[\boxed{18 \text{ dollars}}\] as 2 of 3 say.", 18),
        (r"\boxed{\frac{1}{2}}", 0.5),
        (r"\boxed{-\dfrac{3}{4}}", -0.75),
        (r"\boxed{\$18}", 18),
        (r"\boxed{12\%}", 12),
        (r"\boxed{1{,}000}", 1000),
        (r"$1\,000\,000$", 1_000_000),
        (r"\boxed{18}. The answer is certain.", 18),
        ("The answer is unclear, somewhere from 3 to 5.", 3),
        ("It is -5 degrees", -5),
        ("It is −5 degrees", -5),
        ("It costs -$5 or $-6", -6),
        ("- 18 eggs", 18),
        ("10-3", 3),
        ("7 (10 - 3)", 3),
        ("3/4 of it", 0.75),
        ("on 12/05/2020", 2020),
        ("half of it: 1 / 2", 0.5),
        ("6.02e23", 6.02e23),
        ("1.5e-3", 0.0015),
        (r"3 \times 10^{4}", 30_000),
        ("3 × 10^-2", 0.03),
        ("€1’234.5", 1234.5),
        ("12\u202f345", 12345),
        (".5", 0.5),
        ("of 5.", 5),
        ("1,2,3", 3),
        ("答案是18元。", 18),
        ("答案是１８。", 18),
        ("الجواب هو ١٨", 18),
        ("Die Lösung: 18 Äpfel", 18),
        ("H2O, x1 and y_2 hold 18 of them, not A3", 18),
        ("5km", 5),
        ("in version 1.2.3 of 18…", 18),
        ("in version 1.2.3", 1.2),
        ("The answer is... 18", 18),
        ('{"answer": 18}', 18),
    ],
)
def test_the_number_an_answer_states_is_found(answer: str, number: float) -> None:
    found = number_in(answer)
    assert found is not None
    assert float(found.value) == pytest.approx(number, rel=1e-12)


@pytest.mark.parametrize(
    "answer",
    ["", "   \n", "I cannot help with that.", "NaN", "Infinity", "1/0", "\\frac{1}{0}", "1e999999", "9" * 1_000],
)
def test_an_answer_without_a_number_is_wrong_and_says_so_unless_it_is_to_be_left_out(grade, answer: str) -> None:
    assert grade("numeric", answer, 18) == Scored(0.0, None, "There is no number in the answer.")
    assert grade("numeric", answer, 18, onNoAnswer="unscorable") == Unscorable("There is no number in the answer.")


def test_a_wrong_number_is_named_beside_the_right_one(grade) -> None:
    assert grade("numeric", "A: 17", 18) == Scored(0.0, "17", "17 is not 18.")


@pytest.mark.parametrize(
    ("answer", "truth", "more", "value"),
    [
        ("18.0", 18, {}, 1),
        ("1,000", "1000", {}, 1),
        ("0.1", 0.1, {}, 1),
        ("1/3", 0.333, {}, 0),
        ("1/3", 0.333, {"tolerance": 0.001}, 1),
        ("104", 100, {"relativeTolerance": 0.05}, 1),
        ("106", 100, {"relativeTolerance": 0.05}, 0),
        ("-104", -100, {"relativeTolerance": 0.05}, 1),
        ("10000000001", 10000000000, {}, 0),
        ("50%", 50, {}, 1),
        ("50%", 0.5, {"percentAsFraction": True}, 1),
        ("1.234,5", 1234.5, {"decimalComma": True}, 1),
        ("1.234,5", "1.234,5", {"decimalComma": True}, 1),
        ("18", [17, 18], {}, 1),
        ("18", ["seventeen", "18"], {}, 1),
        ("18", "So it is 9 * 2.\n#### 18", {}, 1),
        (18, 18, {}, 1),
        ("Result >> 18, of 20", 18, {"markers": [">>"]}, 1),
        ("3 of 18", 3, {"fallback": "first"}, 1),
        ("18", 18, {"fallback": "none"}, 0),
        ("Antwort: 18 von 20", 18, {"markers": ["antwort:"]}, 1),
    ],
)
def test_numbers_agree_by_value_and_within_tolerances(grade, answer, truth, more, value) -> None:
    assert grade("numeric", answer, truth, **more).value == value


@pytest.mark.parametrize("truth", [None, "eighteen", True, {"a": "b"}, []])
def test_a_row_without_a_number_for_truth_cannot_be_scored(grade, truth) -> None:
    assert isinstance(grade("numeric", "18", truth), Unscorable)


def test_a_decimal_comma_in_settings_is_read_in_truth_and_answer_alike() -> None:
    rules = NumberRules(decimal_comma=True)
    assert [str(number_in(text, rules).value) for text in ("1.000", "0,5", "2,5e1")] == ["1000", "1/2", "25"]


_NUMBERS = st.integers(-(10**12), 10**12) | st.decimals(
    -(10**6), 10**6, allow_nan=False, allow_infinity=False, places=3
)
_FRAMES = st.sampled_from(
    [
        "First 12 and then 30 make 42.\n#### {}",
        "The answer is {}.",
        "**Answer:** ${}$ as in 3 of the 4 cases",
        "Well, \\boxed{{{}}} is what 2 + 2 never are",
        "All 3 of us think of 2 numbers and of {}",
        "A: {}\n",
    ]
)


@given(number=_NUMBERS, frame=_FRAMES, separated=st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_number_in_the_place_of_an_answer_is_found(number, frame: str, separated: bool) -> None:
    found = number_in(frame.format(f"{number:,}" if separated else f"{number}"))
    assert found is not None
    assert found.value == number
