"""Markdown for a pull request: what was demanded, what was found, against the baseline, and the rows to look at.

Texts of models and files stand in code spans, where Markdown has no links, no images, no mentions and no HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from penstock.evaluations.gate import PairedDifference
from penstock.evaluations.reports.model import Report

_LONGEST_TEXT = 300
_FAILURES_SHOWN = 10
_MARKS = {"met": "✅", "not_met": "❌", "cannot_tell": "❔"}
_INVISIBLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def markdown(report: Report) -> str:
    """The report as Markdown, for GitHub and its like."""
    parts = [
        _heading(report),
        _demands(report),
        _scores(report),
        _comparison(report),
        _failures(report),
        _weakest(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(report: Report) -> str:
    verdict = "" if not report.checks else f"{'✅' if report.passed else '❌'} "
    cost = "cost not known" if report.cost_usd is None else f"${report.cost_usd}"
    facts = [
        f"{code(report.target)} on {code(report.benchmark)}",
        f"{report.rows:,} rows",
        *([f"**{report.failed:,} failed**"] if report.failed else []),
        f"{report.seconds:,.1f} s",
        cost,
        f"evaluation {code(report.id)}",
    ]
    return f"### {verdict}Evaluation {code(report.name)}\n\n" + " · ".join(facts)


def _demands(report: Report) -> str:
    rows = [(_MARKS[check.state], code(check.name), _sentence(check.message)) for check in report.checks]
    return _table(("", "demand", "found"), rows)


def _scores(report: Report) -> str:
    rows = [
        (
            code(metric.name),
            "none" if metric.mean is None else f"**{metric.mean:.4f}**",
            _range(metric.low, metric.high, ""),
            f"{metric.scored:,} of {metric.expected:,}",
        )
        for metric in report.metrics
    ]
    return _table(("score", "mean", "95 % interval", "scored"), rows)


def _comparison(report: Report) -> str:
    baseline = report.baseline
    if baseline is None:
        return ""
    rows = [
        (code(name), f"**{found.value:+.4f}**", _range(found.low, found.high, "+"), f"{found.pairs:,}", _word(found))
        for name, found in baseline.differences
    ]
    title = f"Against {code(baseline.name)} ({code(baseline.id)}), row by row:"
    return f"{title}\n\n" + _table(("score", "difference", "95 % interval", "pairs", ""), rows)


def _word(found: PairedDifference) -> str:
    if found.low is None or found.high is None:
        return "too few rows"
    if found.low > 0:
        return "better"
    return "worse" if found.high < 0 else "cannot tell"


def _failures(report: Report) -> str:
    if not report.failed:
        return ""
    shown = report.failures[:_FAILURES_SHOWN]
    rows = [(code(failure.row), code(failure.code), code(failure.message)) for failure in shown]
    rest = f"\n\nand {report.failed - len(shown):,} more." if report.failed > len(shown) else ""
    return _folded(f"{report.failed:,} failed rows", _table(("row", "error", "message"), rows) + rest)


def _weakest(report: Report) -> str:
    rows = [
        (code(weak.row), f"{weak.score:g}", code(weak.input), code(weak.truth), code(weak.output))
        for weak in report.weakest
    ]
    if not rows:
        return ""
    return _folded("The lowest scores", _table(("row", "score", "input", "expected", "answer"), rows))


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join([f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns), *lines])


def _range(low: float | None, high: float | None, sign: str) -> str:
    return "too few rows" if low is None or high is None else f"{low:{sign}.4f} to {high:{sign}.4f}"


def _sentence(text: str) -> str:
    """Our own words, which may hold a scorer's name: nothing in them is Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&])", r"\\\1", _INVISIBLE.sub(" ", text))


def code(text: str) -> str:
    """A text of somebody else as a code span of one line, cut where it is long; "(nothing)" when it is empty.

    The fence is longer than any run of backticks inside (CommonMark 6.1); a pipe is escaped, since a table's cell ends
    at one also inside code (GFM 4.10).
    """
    text = " ".join(_INVISIBLE.sub(" ", text).split())
    if not text:
        return "(nothing)"
    if len(text) > _LONGEST_TEXT:
        text = text[: _LONGEST_TEXT - 1] + "…"
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    # A backslash before a pipe would be read as escaped itself, so it must not stand there.
    inner = text.replace("\\|", "\\ |").replace("|", "\\|")
    return f"{fence}{padding}{inner}{padding}{fence}"
