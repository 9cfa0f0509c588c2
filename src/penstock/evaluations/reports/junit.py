"""JUnit XML, the form that build servers read: a test case for each demand of the gate, and for each failed row."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from penstock.evaluations.gate import Check
from penstock.evaluations.reports.model import Failure, Report

# What XML 1.0 cannot hold (its production 2, Char), however it is escaped.
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LONGEST_TEXT = 4_000


def junit(report: Report) -> str:
    """The report as JUnit XML.

    A demand that is not met is a `failure`; one that cannot be told, and is let pass, says so in its output; a failed
    row is an `error`. Rows that were answered wrongly are no test cases: how many of them are too many is what the
    demands say. An evaluation that did not complete is an error as a whole.
    """
    cases = [*map(_demand, report.checks), *(_row(report, failure) for failure in report.failures)]
    if not cases or report.status != "completed":
        cases.insert(0, _whole(report))
    counts: dict[str, str] = {
        "tests": str(len(cases)),
        "failures": str(sum(1 for case in cases if case.find("failure") is not None)),
        "errors": str(sum(1 for case in cases if case.find("error") is not None)),
        "time": f"{report.seconds:.3f}",
    }
    root = ET.Element("testsuites", {"name": "penstock", **counts})
    suite = ET.SubElement(root, "testsuite", {"name": _clean(report.name), **counts})
    properties = ET.SubElement(suite, "properties")
    for key, value in _facts(report).items():
        ET.SubElement(properties, "property", name=key, value=_clean(value))
    suite.extend(cases)
    if report.failed > len(report.failures):
        more = f"{report.failed - len(report.failures)} more rows failed; they are not listed here."
        ET.SubElement(suite, "system-out").text = more
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _facts(report: Report) -> dict[str, str]:
    facts = {"evaluation": report.id, "target": report.target, "benchmark": report.benchmark}
    means = {metric.name: f"{metric.mean:.6f}" for metric in report.metrics if metric.mean is not None}
    cost = {} if report.cost_usd is None else {"cost_usd": report.cost_usd}
    return facts | means | cost


def _whole(report: Report) -> ET.Element:
    case = _case("evaluation", f"{report.rows} rows are answered")
    if report.status != "completed":
        ET.SubElement(case, "error", message=f"The evaluation ended as {report.status}.", type=report.status)
    return case


def _demand(check: Check) -> ET.Element:
    case = _case("gate", check.name)
    if not check.passed:
        failure = ET.SubElement(case, "failure", message=_clean(check.message), type=check.state)
        failure.text = _clean(check.message)
    else:
        ET.SubElement(case, "system-out").text = _clean(check.message)
    return case


def _row(report: Report, failure: Failure) -> ET.Element:
    case = _case(report.benchmark, f"row {failure.row}")
    error = ET.SubElement(case, "error", message=_clean(failure.message), type=_clean(failure.code))
    error.text = _clean(failure.message)
    return case


def _case(group: str, name: str) -> ET.Element:
    return ET.Element("testcase", classname=_clean(group), name=_clean(name))


def _clean(text: str) -> str:
    text = _UNWRITABLE.sub("", text)
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
