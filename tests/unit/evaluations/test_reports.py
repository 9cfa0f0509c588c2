"""Reports: what build servers and pull requests are shown. Texts of models must stay texts."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from penstock.evaluations.gate import Check, PairedDifference
from penstock.evaluations.reports.junit import junit
from penstock.evaluations.reports.markdown import code, markdown
from penstock.evaluations.reports.model import (
    MAX_FAILED,
    Baseline,
    Failure,
    Metric,
    Report,
    RowsWorthShowing,
    Weak,
)

NASTY = "]]></error><script>alert(1)</script>\x00\x1b[31m & | `x` ![i](http://e/x.png) @all \ud800 \uffff"
MET = Check("accuracy >= 0.8", "met", True, "accuracy is 0.9 (9 of 10 scored).", 0.9)
UNMET = Check("exact >= 0.95", "not_met", False, "exact is 0.9; 0.95 is the least that is allowed.", 0.9)
DOUBT = Check("accuracy not worse", "cannot_tell", True, "so few rows cannot tell.", 0.0)


def report(**more: object) -> Report:
    facts: dict[str, object] = {
        "id": "e1",
        "name": "nightly",
        "target": "local/smollm2",
        "benchmark": "arithmetic",
        "status": "completed",
        "metrics": (Metric("exact", 0.9, 0.6, 0.98, 10, 10),),
        "rows": 10,
        "seconds": 12.34,
        "cost_usd": "0.0012",
        **more,
    }
    return Report(**facts)  # type: ignore[arg-type]


def test_junit_has_a_case_for_each_demand_and_each_failed_row() -> None:
    failures = (Failure("7", "model_timeout", "no answer"),)
    root = ET.fromstring(junit(report(checks=(MET, UNMET, DOUBT), failures=failures, failed=1)))
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "1")
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [MET.name, UNMET.name, DOUBT.name, "row 7"]
    assert [case.find("failure") is not None for case in cases] == [False, True, False, False]
    assert cases[2].findtext("system-out") == DOUBT.message
    error = cases[3].find("error")
    assert error is not None
    assert (error.get("type"), error.text) == ("model_timeout", "no answer")


def test_junit_without_demands_still_has_a_case() -> None:
    root = ET.fromstring(junit(report()))
    assert root.get("tests") == "1"
    assert {p.get("name"): p.get("value") for p in root.iter("property")}["exact"] == "0.900000"


def test_text_of_models_stays_text_in_xml() -> None:
    text = junit(report(name=NASTY, failures=(Failure(NASTY, NASTY, NASTY),), failed=1))
    text.encode()
    root = ET.fromstring(text)
    assert [element.tag for element in root.iter() if element.tag == "script"] == []
    error = next(root.iter("error"))
    assert error.text is not None
    assert "<script>alert(1)</script>" in error.text
    assert "\x1b" not in text


def test_only_so_many_failed_rows_are_listed() -> None:
    kept = RowsWorthShowing()
    for n in range(MAX_FAILED + 50):
        kept.fail(Failure(str(n), "x", "y"))
    text = junit(report(failures=tuple(kept.failures), failed=kept.failed))
    assert text.count("<testcase") == MAX_FAILED
    assert "50 more rows failed" in text


def test_the_lowest_scores_are_kept_in_order() -> None:
    kept = RowsWorthShowing()
    for n, score in enumerate([1.0, 0.5, 0.0, 0.9, 0.0, 0.2, 0.7, 0.6, 0.1]):
        kept.add(Weak(str(n), score, "q", "t", "a"))
    assert [(weak.row, weak.score) for weak in kept.weakest] == [
        ("2", 0.0),
        ("4", 0.0),
        ("8", 0.1),
        ("5", 0.2),
        ("1", 0.5),
    ]
    assert not kept.wanted(0.5)


def test_markdown_tells_verdict_figures_baseline_and_rows() -> None:
    differences = (("exact", PairedDifference(-0.02, -0.06, 0.02, 10)),)
    text = markdown(
        report(
            checks=(MET, UNMET),
            baseline=Baseline("e0", "main", differences),
            failures=(Failure("7", "model_timeout", "no answer"),),
            failed=1,
            weakest=(Weak("3", 0.0, "2+2", "4", "5"),),
        )
    )
    assert text.startswith("### ❌ Evaluation `nightly`")
    assert "| `exact` | **0.9000** | 0.6000 to 0.9800 | 10 of 10 |" in text
    assert "| `exact` | **-0.0200** | -0.0600 to +0.0200 | 10 | cannot tell |" in text
    assert "| `7` | `model_timeout` | `no answer` |" in text
    assert "| `3` | 0 | `2+2` | `4` | `5` |" in text
    assert "**1 failed**" in text


def test_markdown_of_few_rows_claims_no_interval() -> None:
    text = markdown(report(metrics=(Metric("exact", None, None, None, 0, 3),), cost_usd=None))
    assert "| `exact` | none | too few rows | 0 of 3 |" in text
    assert "cost not known" in text


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("plain", "`plain`"),
        ("two\nlines", "`two lines`"),
        ("a`b", "``a`b``"),
        ("``x``", "``` ``x`` ```"),
        ("a|b", "`a\\|b`"),
        ("a\\|b", "`a\\ \\|b`"),
        ("", "(nothing)"),
        ("\x1b[2J", "`[2J`"),
    ],
)
def test_a_text_of_somebody_else_stands_in_code(text: str, span: str) -> None:
    assert code(text) == span


def test_nothing_of_a_model_is_markdown_outside_code() -> None:
    text = markdown(report(weakest=(Weak("1", 0.0, NASTY, NASTY, NASTY),), name=NASTY))
    assert "\x00" not in text
    for line in text.splitlines():
        outside = "".join(part for n, part in enumerate(line.split("``")) if n % 2 == 0)
        assert "<script>" not in outside
        assert "@all" not in outside
