"""Dots with their intervals, one below the other: means of evaluations, or differences around a line at zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from penstock.evaluations.plots.scale import PERCENT, PLAIN, POINTS, Scale, Unit, scale
from penstock.evaluations.plots.svg import SMALL, Svg, Tone, width_of

WIDTH = 700
_MARGIN = 20
_TOP = 72
_LABELS = 210
_HEADING = 28
_ROW = 40
_GAP = 16


@dataclass(frozen=True, slots=True)
class Mark:
    """One dot. Without bounds it has no bar, and `why` stands in their place; without value there is no dot."""

    label: str
    detail: str
    value: float | None
    low: float | None
    high: float | None
    tone: Tone = "accent"
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Marks below a heading of their own; an empty one is left out."""

    heading: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class IntervalPlot:
    """`shares` says that scores lie from 0 to 1, and are shown as percentages; `around_zero` that values are
    differences, with what a value on either side means in `sides`. Other values may lie `within` bounds."""

    title: str
    subtitle: str
    groups: tuple[Group, ...]
    shares: bool
    around_zero: bool = False
    sides: tuple[str, str] = ("", "")
    within: tuple[float, float] | None = None

    @property
    def unit(self) -> Unit:
        if not self.shares:
            return PLAIN
        return POINTS if self.around_zero else PERCENT

    def svg(self) -> str:
        """The picture."""
        picture = Svg(WIDTH, self.title)
        picture.fitted((_MARGIN, 32), self.title, WIDTH - 2 * _MARGIN, size=16, strong=True)
        picture.fitted((_MARGIN, 52), self.subtitle, WIDTH - 2 * _MARGIN, tone="muted", size=SMALL)
        axis = self._axis([mark for group in self.groups for mark in group.marks])
        bottom = _TOP + sum((_HEADING if group.heading else 0) + _ROW * len(group.marks) for group in self.groups)
        self._grid(picture, axis, bottom)
        self._rows(picture, axis)
        return picture.written(self._below(picture, axis, bottom))

    def _axis(self, marks: Sequence[Mark]) -> Scale:
        """Between the labels and the widest value."""
        numbers = [number for mark in marks for number in (mark.value, mark.low, mark.high) if number is not None]
        least = -1 if self.around_zero else 0
        within = (least, 1) if self.shares else self.within
        axis = scale([*numbers, 0.0] if self.around_zero else numbers, within=within)
        values = max((width_of(self._value(mark, axis.step)) for mark in marks), default=0)
        left = _MARGIN + _LABELS + _GAP
        return replace(axis, left=left, width=WIDTH - _MARGIN - values - _GAP - left)

    def _grid(self, picture: Svg, axis: Scale, bottom: float) -> None:
        for tick in axis.ticks:
            picture.line((axis.at(tick), _TOP), (axis.at(tick), bottom), "grid")
        if self.around_zero:
            picture.line((axis.at(0), _TOP), (axis.at(0), bottom), "muted", width=1.5)

    def _rows(self, picture: Svg, axis: Scale) -> None:
        top = _TOP
        for group in self.groups:
            if group.heading:
                picture.fitted((_MARGIN, top + 20), group.heading, _LABELS, tone="muted", size=SMALL, strong=True)
                top += _HEADING
            for mark in group.marks:
                self._row(picture, axis, mark, top)
                top += _ROW

    def _below(self, picture: Svg, axis: Scale, bottom: float) -> float:
        """Ticks, the unit, and what either side of zero means; the height that is used."""
        written = [(axis.at(tick), self.unit.text(tick, axis.step, signed=self.around_zero)) for tick in axis.ticks]
        free = -math.inf
        for x, text in written:
            half = width_of(text, SMALL) / 2
            if x - half > free:
                picture.text((x, bottom + 18), text, tone="muted", anchor="middle", size=SMALL)
                free = x + half + 6
        if self.unit.axis:
            picture.text(
                (axis.left + axis.width / 2, bottom + 36), self.unit.axis, tone="muted", anchor="middle", size=SMALL
            )
        if not self.around_zero:
            return bottom + 50
        worse, better = self.sides
        picture.fitted(
            (_MARGIN, bottom + 58),
            f"left of 0: {worse} · right of 0: {better}",
            WIDTH - 2 * _MARGIN,
            tone="muted",
            size=SMALL,
        )
        return bottom + 74

    def _row(self, picture: Svg, axis: Scale, mark: Mark, top: float) -> None:
        middle = top + _ROW / 2
        picture.fitted((_MARGIN, middle - 2), mark.label, _LABELS)
        picture.fitted((_MARGIN, middle + 13), mark.detail, _LABELS, tone="muted", size=SMALL)
        if mark.low is not None and mark.high is not None:
            low, high = axis.at(mark.low), axis.at(mark.high)
            picture.line((low, middle), (high, middle), mark.tone, width=2)
            for end in (low, high):
                picture.line((end, middle - 4), (end, middle + 4), mark.tone, width=2)
        if mark.value is not None:
            picture.dot((axis.at(mark.value), middle), 5, mark.tone)
        text = self._value(mark, axis.step)
        picture.text((WIDTH - _MARGIN, middle + 4), text, anchor="end", tone="ink" if mark.low is not None else "muted")

    def _value(self, mark: Mark, step: float) -> str:
        if mark.value is None:
            return mark.why or "no value"
        fine = min(step / 10, 0.001) if self.shares else step / 10
        value, low, high = (
            None if number is None else self.unit.text(number, fine, signed=self.around_zero)
            for number in (mark.value, mark.low, mark.high)
        )
        if low is None or high is None:
            return f"{value}{self.unit.sign}, no interval"
        return f"{value}{self.unit.sign} [{low}, {high}]"
