"""Writes SVG. Colours are classes, so that one picture serves light and dark."""

from __future__ import annotations

import unicodedata
from typing import Literal
from xml.sax.saxutils import escape, quoteattr

Anchor = Literal["start", "middle", "end"]
Tone = Literal["ink", "muted", "grid", "accent", "better", "worse", "paper"]

FONT_SIZE = 13
SMALL = 11.5

_STYLE = """\
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"DejaVu Sans",sans-serif;\
font-variant-numeric:tabular-nums}
.strong{font-weight:600}
%s
@media (prefers-color-scheme:dark){
%s
}"""
_LIGHT: dict[Tone, str] = {
    "paper": "#ffffff",
    "ink": "#1c2430",
    "muted": "#5c6675",
    "grid": "#e3e7ed",
    "accent": "#2459d3",
    "better": "#137a43",
    "worse": "#bb2d2d",
}
_DARK: dict[Tone, str] = {
    "paper": "#12161d",
    "ink": "#e8ecf2",
    "muted": "#9aa5b5",
    "grid": "#2a323e",
    "accent": "#84a9ff",
    "better": "#5fcf93",
    "worse": "#ff8f8a",
}


class Svg:
    """A picture that grows element by element. Lengths are in pixels."""

    def __init__(self, width: int, title: str) -> None:
        self.width = width
        self._title = title
        self._elements: list[str] = []

    def text(
        self,
        at: tuple[float, float],
        content: str,
        *,
        tone: Tone = "ink",
        anchor: Anchor = "start",
        size: float = FONT_SIZE,
        strong: bool = False,
    ) -> None:
        """A line of text whose baseline begins, is centred, or ends at a point."""
        kind = f"f-{tone} strong" if strong else f"f-{tone}"
        held = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._add(
            f'<text x="{_n(at[0])}" y="{_n(at[1])}" class="{kind}" font-size="{_n(size)}"{held}>{_safe(content)}</text>'
        )

    def fitted(
        self,
        at: tuple[float, float],
        content: str,
        width: float,
        *,
        tone: Tone = "ink",
        size: float = FONT_SIZE,
        strong: bool = False,
    ) -> None:
        """Text that is cut where it would be wider; the whole of it shows when pointed at."""
        cut = fit(content, width, size * (1.06 if strong else 1))
        if cut == content:
            self.text(at, content, tone=tone, size=size, strong=strong)
            return
        self._add(f"<g><title>{_safe(content)}</title>")
        self.text(at, cut, tone=tone, size=size, strong=strong)
        self._add("</g>")

    def line(
        self,
        begin: tuple[float, float],
        end: tuple[float, float],
        tone: Tone,
        *,
        width: float = 1,
        dashed: bool = False,
    ) -> None:
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        ends = f'x1="{_n(begin[0])}" y1="{_n(begin[1])}" x2="{_n(end[0])}" y2="{_n(end[1])}"'
        self._add(f'<line {ends} class="s-{tone}" stroke-width="{_n(width)}" stroke-linecap="round"{dash}/>')

    def dot(self, at: tuple[float, float], radius: float, tone: Tone) -> None:
        self._add(f'<circle cx="{_n(at[0])}" cy="{_n(at[1])}" r="{_n(radius)}" class="f-{tone}"/>')

    def box(
        self, at: tuple[float, float], size: tuple[float, float], tone: Tone, *, opacity: float = 1, round_by: float = 0
    ) -> None:
        place = f'x="{_n(at[0])}" y="{_n(at[1])}" width="{_n(size[0])}" height="{_n(size[1])}"'
        self._add(f'<rect {place} rx="{_n(round_by)}" class="f-{tone}" fill-opacity="{_n(opacity)}"/>')

    def written(self, height: float) -> str:
        """The whole picture, `height` pixels high."""
        style = _STYLE % (_classes(_LIGHT), _classes(_DARK))
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {_n(height)}" width="{self.width}" '
            f'height="{_n(height)}" role="img" aria-label={quoteattr(_clean(self._title))}>'
        )
        paper = '<rect width="100%" height="100%" class="f-paper"/>'
        return "\n".join([head, f"<style>{style}</style>", paper, *self._elements, "</svg>\n"])

    def _add(self, element: str) -> None:
        self._elements.append(element)


def width_of(text: str, size: float = FONT_SIZE) -> float:
    """About how wide a line of text is, rather too wide than too narrow."""
    return sum(_em(character) for character in text) * size


def fit(text: str, width: float, size: float = FONT_SIZE) -> str:
    """The text, cut at its end with an ellipsis where it would be wider."""
    text = " ".join(_clean(text).split())
    if width_of(text, size) <= width:
        return text
    kept, left = 0, width - width_of("…", size)
    for character in text:
        left -= _em(character) * size
        if left < 0:
            break
        kept += 1
    return text[:kept].rstrip() + "…"


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF":
        return 1.05
    if character in "iIjl.,:;'|!()[]/ft -·":
        return 0.4
    if character in "mwMW%@—":
        return 0.95
    return 0.72 if character.isupper() else 0.61


def _classes(colours: dict[Tone, str]) -> str:
    return "\n".join(f".f-{tone}{{fill:{colour}}}.s-{tone}{{stroke:{colour}}}" for tone, colour in colours.items())


def _clean(text: str) -> str:
    """Without what XML 1.0 cannot hold and what turns the direction of writing."""
    return "".join(
        " " if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Cn", "Co") else character for character in text
    )


def _safe(text: str) -> str:
    return escape(_clean(text))


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
