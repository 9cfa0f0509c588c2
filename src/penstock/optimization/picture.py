"""What an optimization came to, as a picture: the old and the new instruction on the test examples."""

from __future__ import annotations

from penstock.evaluations.plots.intervals import Group, IntervalPlot, Mark
from penstock.evaluations.plots.svg import Tone
from penstock.optimization.model import Measured, Optimization, Report

_TONES: dict[str, Tone] = {"better": "better", "higher": "accent", "kept": "muted"}


def kappa_picture(optimization: Optimization, report: Report) -> str:
    """Kappa before and after with its intervals, and what the paired difference means; where answers have no classes,
    the mean scores. As SVG."""
    plan, tone = optimization.plan, _TONES[report.outcome]
    sides: list[tuple[str, Measured, Tone]] = [("Before", report.before, "muted")]
    if report.after is not None:
        sides.append(("After", report.after, tone))
    marks = tuple(_mark(name, measured, shade) for name, measured, shade in sides)
    what = "kappa with people, with its 95 % interval" if report.before.kappa else "mean score"
    said = "" if report.paired is None else f" · {report.paired.text}"
    subtitle = f"{report.before.n:,} test examples · {what}{said}"
    bounds = (-1.0, 1.0) if report.before.kappa else (0.0, 1.0)
    title = f"{plan.subject_name}, version {plan.subject_version}, before and after"
    return IntervalPlot(title, subtitle, (Group("", marks),), shares=False, within=bounds).svg()


def _mark(name: str, measured: Measured, tone: Tone) -> Mark:
    kappa = measured.kappa
    if kappa is None:
        return Mark(name, f"n = {measured.n:,}", measured.score, None, None, tone, "")
    return Mark(name, f"n = {measured.n:,}", kappa.value, kappa.low, kappa.high, tone, kappa.note)
