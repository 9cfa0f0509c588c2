"""Pictures: text is only text, nothing overlaps, and what is drawn is where the numbers say."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from penstock.evaluations.comparison import Outcomes
from penstock.evaluations.plots.intervals import Group, IntervalPlot, Mark
from penstock.evaluations.plots.matrix import MatrixPlot
from penstock.evaluations.plots.scale import PERCENT, PLAIN, POINTS, scale
from penstock.evaluations.plots.svg import Svg, fit, width_of

NAMESPACE = "{http://www.w3.org/2000/svg}"
HOSTILE = '</text><script>alert(1)</script> & "quotes" \x00\x1b[31m \u202egnp.exe ' + "x" * 300


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.encode())


def texts(svg: str) -> list[tuple[float, float, float, str]]:
    """Every line of text as (left, right, baseline, words)."""
    found = []
    for element in drawn(svg).iter(f"{NAMESPACE}text"):
        words, x, size = element.text or "", float(element.attrib["x"]), float(element.attrib["font-size"])
        wide = width_of(words, size)
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[element.attrib.get("text-anchor", "start")]
        found.append((left, left + wide, float(element.attrib["y"]), words))
    return found


def plot(*marks: Mark, shares: bool = True, around_zero: bool = False) -> str:
    return IntervalPlot("Title", "told", (Group("", marks),), shares, around_zero, ("this", "that")).svg()


def test_text_of_models_and_files_is_only_text() -> None:
    mark = Mark(HOSTILE, HOSTILE, 0.5, 0.4, 0.6)
    for svg in (
        IntervalPlot(HOSTILE, HOSTILE, (Group(HOSTILE, (mark,)),), True, True, (HOSTILE, HOSTILE)).svg(),
        MatrixPlot(HOSTILE, HOSTILE, HOSTILE, HOSTILE, Outcomes(1, 2, 3, 4)).svg(),
    ):
        names = {element.tag.removeprefix(NAMESPACE) for element in drawn(svg).iter()}
        assert names <= {"svg", "style", "rect", "line", "circle", "text", "title", "g"}
        assert not re.search("[\x00-\x08\x0b\x1b\u202e]", svg)
        assert all(left >= 0 and right <= 701 for left, right, _, _ in texts(svg))


@pytest.mark.parametrize(
    "svg",
    [
        plot(
            *(
                Mark(f"a model with a long name, number {n}", "n = 1,319", n / 10, n / 10 - 0.05, n / 10 + 0.04)
                for n in range(1, 9)
            )
        ),
        plot(Mark("one", "n = 5", 1234.5, -1e6, 1e7), Mark("two", "n = 0", None, None, None), shares=False),
        plot(Mark("up", "n = 9", 0.0012, -0.001, 0.003, "better"), shares=True, around_zero=True),
        plot(Mark("only", "n = 1", 1.0, None, None)),
        plot(),
        MatrixPlot("t", "s", "reference", "comparison", Outcomes(1_000_000, 2, 3, 4)).svg(),
    ],
)
def test_no_two_texts_overlap(svg: str) -> None:
    by_line: dict[float, list[tuple[float, float, str]]] = {}
    for left, right, baseline, words in texts(svg):
        by_line.setdefault(baseline, []).append((left, right, words))
        assert left >= 0
        assert right <= 701, words
    for line in by_line.values():
        for (_, right, words), (left, _, others) in pairwise(sorted(line)):
            assert right <= left, (words, others)


def test_dots_and_bars_stand_where_their_numbers_are() -> None:
    marks = (Mark("a", "", 0.25, 0.2, 0.3), Mark("b", "", 0.75, 0.6, 0.8))
    root = drawn(plot(*marks))
    first, second = (float(dot.attrib["cx"]) for dot in root.iter(f"{NAMESPACE}circle"))
    written = {words: (left + right) / 2 for left, right, _, words in texts(plot(*marks))}
    assert first < second
    per_unit = (written["80"] - written["20"]) / 0.6
    assert (second - first) / 0.5 == pytest.approx(per_unit, rel=1e-3)
    assert "25.0% [20.0, 30.0]" in written


def test_a_difference_has_a_line_at_zero_and_says_what_its_sides_are() -> None:
    svg = plot(Mark("a", "", 0.041, 0.007, 0.075, "better"), around_zero=True)
    words = [one[3] for one in texts(svg)]
    assert "+4.1 [+0.7, +7.5]" in words
    assert "percentage points" in words
    assert any("left of 0: this" in word for word in words)
    assert "0" in words


def test_a_picture_serves_light_and_dark() -> None:
    svg = plot(Mark("a", "", 0.5, 0.4, 0.6))
    assert "@media (prefers-color-scheme:dark)" in svg
    assert not re.search(r'(fill|stroke)="#', svg), "colours are classes, so that they can change"


def test_scales_are_round_and_hold_everything() -> None:
    for numbers in ([0.217, 0.5625], [0.5], [-0.004, 0.18], [1e-6, 3e-6], [12_345, 98_765], []):
        made = scale(numbers)
        assert made.low <= min(numbers, default=0)
        assert made.high >= max(numbers, default=1)
        assert 3 <= len(made.ticks) <= 9
    assert scale([0.99, 1.0], within=(0, 1)).high == pytest.approx(1)


def test_numbers_are_written_as_the_axis_needs_them() -> None:
    assert PERCENT.text(0.5625, 0.001) == "56.2"
    assert POINTS.text(-0.004, 0.001, signed=True) == "−0.4"
    assert POINTS.text(0.0001, 0.01, signed=True) == "0"
    assert PLAIN.text(1234.56, 100) == "1,235"
    assert PLAIN.text(0.00012, 0.00001, signed=True) == "+0.00012"


def test_text_that_is_too_wide_is_cut_and_shown_whole_when_pointed_at() -> None:
    assert fit("short", 100) == "short"
    assert fit("x" * 100, 60).endswith("…")
    assert width_of(fit("模型" * 50, 60)) <= 60
    picture = Svg(100, "t")
    picture.fitted((0, 10), "y" * 50, 40)
    assert f"<title>{'y' * 50}</title>" in picture.written(20)
