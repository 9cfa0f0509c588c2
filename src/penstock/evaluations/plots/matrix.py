"""Two sides' outcomes as a square of counts: both right, both wrong, and where they differ."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.evaluations.comparison import Outcomes
from penstock.evaluations.plots.svg import SMALL, Svg, Tone, fit

WIDTH = 700
_MARGIN = 20
_LABELS = 150
_CELL = (250, 92)
_GAP = 6
_HEAD = 108


@dataclass(frozen=True, slots=True)
class MatrixPlot:
    """Rows are the reference's, columns the comparison's outcomes."""

    title: str
    subtitle: str
    reference: str
    comparison: str
    outcomes: Outcomes

    def svg(self) -> str:
        """The picture."""
        picture = Svg(WIDTH, self.title)
        room = WIDTH - 2 * _MARGIN
        picture.fitted((_MARGIN, 32), self.title, room, size=16, strong=True)
        picture.fitted((_MARGIN, 52), self.subtitle, room, tone="muted", size=SMALL)
        left = _MARGIN + _LABELS
        across = 2 * _CELL[0] + _GAP
        picture.text((left + across / 2, 82), fit(self.comparison, across), anchor="middle", strong=True)
        for column, word in enumerate(("succeeds", "fails")):
            middle = left + column * (_CELL[0] + _GAP) + _CELL[0] / 2
            picture.text((middle, 100), word, tone="muted", anchor="middle", size=SMALL)
        picture.fitted((_MARGIN, _HEAD + _CELL[1] + 7), self.reference, _LABELS - 12, strong=True)
        for row, (word, cells) in enumerate(self._cells()):
            top = _HEAD + row * (_CELL[1] + _GAP)
            picture.text((left - 12, top + _CELL[1] / 2 + 4), word, tone="muted", anchor="end", size=SMALL)
            for column, (count, tone, words) in enumerate(cells):
                self._cell(picture, (left + column * (_CELL[0] + _GAP), top), count, tone, words)
        return picture.written(_HEAD + 2 * _CELL[1] + _GAP + _MARGIN)

    def _cells(self) -> list[tuple[str, list[tuple[int, Tone, str]]]]:
        found = self.outcomes
        return [
            (
                "succeeds",
                [
                    (found.both_succeed, "muted", "both succeed"),
                    (found.comparison_fails, "worse", "only the reference"),
                ],
            ),
            (
                "fails",
                [(found.reference_fails, "better", "only the comparison"), (found.both_fail, "muted", "both fail")],
            ),
        ]

    def _cell(self, picture: Svg, at: tuple[float, float], count: int, tone: Tone, words: str) -> None:
        found = self.outcomes
        total = found.both_succeed + found.both_fail + found.reference_fails + found.comparison_fails
        share = count / total if total else 0.0
        middle = at[0] + _CELL[0] / 2
        picture.box(at, _CELL, tone, opacity=0.08 + 0.3 * share, round_by=6)
        picture.text((middle, at[1] + 42), f"{count:,}", anchor="middle", size=22, strong=True)
        picture.text((middle, at[1] + 62), f"{share:.1%}", anchor="middle", size=SMALL)
        picture.text((middle, at[1] + 79), words, anchor="middle", size=SMALL, tone="muted")
