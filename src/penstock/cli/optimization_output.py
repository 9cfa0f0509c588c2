"""How an optimization looks in a terminal: agreement before and after, what it took, and the words that changed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence

import click

from penstock.cli.output import note, plain, plain_lines, show_table
from penstock.client.optimization_objects import (
    Candidate,
    Kappa,
    Measured,
    Optimization,
    OptimizationEstimate,
    OptimizationParts,
    OptimizationReport,
    PairedDifference,
)

_SENTENCE = re.compile(r"(?<=[.!?:])\s+")
_MARKS = {"- ": ("- ", "red"), "+ ": ("+ ", "green"), "  ": ("  ", None)}


def show_optimization(found: Optimization) -> None:
    """What it is about, and what came of it as far as it has."""
    subject, applied = found.subject, found.applied_version
    done = "" if applied is None else f", applied as version {applied}"
    click.echo(plain(f"{subject.name} ({subject.kind}, version {subject.version}): {found.status}{done}"))
    if found.error is not None:
        note(plain_lines(found.error.message))
    if found.report is not None:
        _show_report(found.report)
        return
    note(f"{found.metric_calls:,} metric calls for {found.annotations:,} labels")
    note(f"{plain(found.reflection_model)} proposes instructions")
    _show_examples(found.parts, found.left_out, found.notes)


def show_estimate(found: OptimizationEstimate) -> None:
    """The most that it takes."""
    most = found.worst_case
    unpriced = ", ".join(most.get("unpricedModels", ()))
    cost = f"{most.get('costUsd', '0')} USD" + (f", and what {unpriced} costs" if unpriced else "")
    facts = {
        "metric calls": f"{found.metric_calls:,}; {found.needed_calls:,} are the least",
        "reflections": f"{found.reflection_calls:,}",
        "model calls": f"{most.get('modelCalls', 0):,} with every correction",
        "tokens": f"{most.get('tokens', 0):,}",
        "cost": cost,
        "ECU": most.get("ecu"),
        "labels": f"{found.annotations:,}",
    }
    for name, value in facts.items():
        click.echo(f"{name:14}{plain(value)}")
    _show_examples(found.parts, found.left_out, found.notes)


def _show_report(report: OptimizationReport) -> None:
    click.echo(plain(report.summary))
    if report.paired is not None:
        click.echo(f"difference  {difference(report.paired)}")
    sides = [("before", report.before), *([] if report.after is None else [("after", report.after)])]
    show_table(["", *(name for name, _ in sides)], list(_rows([measured for _, measured in sides])))
    calls = f"{report.metric_calls:,} of {report.metric_calls_allowed:,} metric calls"
    tried = f"{report.accepted:,} of {report.candidates - 1:,} proposals accepted"
    note(f"{calls}, {report.reflection_calls:,} reflections; {tried}")
    _show_examples(report.parts, report.left_out, report.notes)
    if report.optimized != report.original:
        click.echo()
        for line in diff(report.original, report.optimized):
            click.echo(line)


def _show_examples(parts: OptimizationParts, left_out: Mapping[str, int], notes: Sequence[str]) -> None:
    note(f"examples: {parts.train:,} to learn from, {parts.validation:,} to choose by, {parts.test:,} to measure on")
    for reason, count in left_out.items():
        note(f"left out: {count:,} {plain(reason).replace('_', ' ')}")
    for remark in notes:
        note(plain(remark))


def show_candidates(candidates: Sequence[Candidate]) -> None:
    """What was tried, in order."""
    rows = [
        (
            one.number,
            one.status,
            "" if one.parent is None else one.parent,
            _pair(one),
            "" if one.validation_score is None else f"{one.validation_score:.3f}",
            one.metric_calls,
            one.instruction if one.status != "rejected" else f"{one.reason or ''} {one.instruction or ''}".strip(),
        )
        for one in candidates
    ]
    show_table(["no", "status", "from", "minibatch", "validation", "calls", "instruction"], rows)


def kappa(found: Kappa | None) -> str:
    """`0.412 [0.102, 0.684]`, or why there is none."""
    if found is None or found.value is None:
        return "none" if found is None else plain(found.note or "none")
    bounds = "" if found.low is None or found.high is None else f" [{found.low:.3f}, {found.high:.3f}]"
    return f"{found.value:.3f}{bounds}"


def difference(found: PairedDifference) -> str:
    """`+0.350 [0.120, 0.560], p = 0.008, n = 20: better`."""
    if found.difference is None:
        return plain(found.text)
    bounds = "" if found.low is None or found.high is None else f" [{found.low:+.3f}, {found.high:+.3f}]"
    p = "" if found.p_value is None else f", p = {found.p_value:.3g}"
    return plain(f"{found.difference:+.3f}{bounds}{p}, n = {found.n:,}: {found.text}")


def diff(before: str, after: str) -> Iterator[str]:
    """Sentences that went with `-`, those that came with `+`, those that stayed with neither."""
    for line in difflib.ndiff(_sentences(before), _sentences(after)):
        if line[:2] in _MARKS:
            sign, colour = _MARKS[line[:2]]
            yield click.style(f"{sign}{plain_lines(line[2:])}", fg=colour)


def _sentences(text: str) -> list[str]:
    return [sentence for line in text.splitlines() for sentence in _SENTENCE.split(line)]


def _rows(sides: Sequence[Measured]) -> Iterator[tuple[str, ...]]:
    if sides[0].kappa is not None:
        yield "kappa", *(kappa(one.kappa) for one in sides)
        yield "agreement", *(_share(one.agreement) for one in sides)
    yield "mean score", *(f"{one.score:.3f}" for one in sides)
    for label in sorted({label for one in sides for label in one.recalls}):
        yield f"found of {plain(label)}", *(_share(one.recalls.get(label)) for one in sides)
    yield "unreadable", *(f"{one.unscorable:,} of {one.n:,}" for one in sides)


def _share(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"


def _pair(one: Candidate) -> str:
    if one.minibatch_before is None:
        return ""
    return f"{one.minibatch_before:g} → " + ("?" if one.minibatch_after is None else f"{one.minibatch_after:g}")
