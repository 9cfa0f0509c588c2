"""A part of a page as plain text or as Markdown.

Blocks become paragraphs with an empty line between them; lists, tables, quotes, code and headings keep their shape.
Text of the page is data: in Markdown its own `*`, `[`, `<` … are escaped, so that no page can smuggle in markup.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.net.html.tree import children
from penstock.net.html.urls import normal_url

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

MAX_DEPTH = 120
"""Elements nested deeper are read as plain text: Python's own stack is the limit."""

_BLOCK_NAMES = (
    "address article aside body caption center dd details dialog div dl dt fieldset figcaption figure footer form "
    "header hgroup html legend main nav p section summary tbody td tfoot th thead tr"
)
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_SPACES = re.compile(r" {2,}")
_AROUND_BREAK = re.compile(r" *\n *")
_MARKUP = re.compile(r"[\\`*\[\]<]|(?<![^\W_])_|_(?![^\W_])")
_LINE_MARKUP = re.compile(r"^(>|[-+#=~](?=[\s#=~-]|$))", re.MULTILINE)
_LINE_NUMBER = re.compile(r"^(\d{1,9})(?=[.)]\s)", re.MULTILINE)
_INNER_LINE = re.compile(r"(?<=\n)(?=[^\n])")
_BACKTICKS = re.compile(r"`+")


@dataclass(frozen=True)
class Style:
    """`markup`: Markdown, else plain text. `links`: `[text](url)`, else only the text."""

    markup: bool
    links: bool


PLAIN = Style(markup=False, links=False)
MARKDOWN = Style(markup=True, links=True)


def render(node: LexborNode, style: Style, base: str | None = None) -> str:
    """The node and what is inside it; links are made absolute with `base`."""
    page = _Renderer(style, base, 0)
    page.add(node)
    return page.text()


class _Renderer:
    """Collects finished blocks, and in `_line` the pieces of the paragraph being written."""

    def __init__(self, style: Style, base: str | None, depth: int) -> None:
        self.style = style
        self.base = base
        self._depth = depth
        self._blocks: list[str] = []
        self._line: list[str] = []

    def add(self, node: LexborNode) -> None:
        tag = node.tag or ""
        if node.is_text_node:
            self.write_text(node.text_content or "")
        elif self._depth >= MAX_DEPTH:
            self.write_text(node.text(separator=" "))
        elif tag in _WRITERS:
            _WRITERS[tag](self, node)
        elif tag in _BLOCKS:
            self._end_line()
            self.add_inside(node)
            self._end_line()
        else:
            self.add_inside(node)

    def add_inside(self, node: LexborNode) -> None:
        self._depth += 1
        for child in children(node):
            self.add(child)
        self._depth -= 1

    def write(self, piece: str) -> None:
        """Put a piece, already in the output's own markup, into the running paragraph."""
        self._line.append(piece)

    def write_text(self, text: str) -> None:
        text = _SPACE.sub(" ", text)
        self.write(_MARKUP.sub(r"\\\g<0>", text) if self.style.markup else text)

    def write_block(self, text: str) -> None:
        self._end_line()
        if text:
            self._blocks.append(text)

    def inside(self, node: LexborNode) -> str:
        """What is inside a node, rendered on its own."""
        inner = _Renderer(self.style, self.base, self._depth + 1)
        inner.add_inside(node)
        return inner.text()

    def one_line(self, node: LexborNode) -> str:
        return " ".join(self.inside(node).split())

    def text(self) -> str:
        self._end_line()
        return "\n\n".join(self._blocks)

    def _end_line(self) -> None:
        line = _AROUND_BREAK.sub("\n", _SPACES.sub(" ", "".join(self._line))).strip()
        self._line.clear()
        if line and self.style.markup:
            line = _LINE_NUMBER.sub(r"\1\\", _LINE_MARKUP.sub(r"\\\1", line))
        if line:
            self._blocks.append(line)


def _heading(page: _Renderer, node: LexborNode) -> None:
    text = page.one_line(node)
    level = int((node.tag or "h1")[1])
    page.write_block(f"{'#' * level} {text}" if page.style.markup and text else text)


def _emphasis(page: _Renderer, node: LexborNode) -> None:
    if not page.style.markup:
        page.add_inside(node)
        return
    mark = "**" if node.tag in ("strong", "b") else "*"
    text = page.one_line(node)
    if text:
        page.write(_spaced_like(node, f"{mark}{text}{mark}"))


def _link(page: _Renderer, node: LexborNode) -> None:
    url = normal_url(node.attributes.get("href") or "", page.base) if page.style.links else None
    if url is None:
        page.add_inside(node)
        return
    text = page.one_line(node)
    if text:
        page.write(_spaced_like(node, f"[{text}]({_link_target(url)})"))


def _image(page: _Renderer, node: LexborNode) -> None:
    if not (page.style.markup and page.style.links):
        return
    url = normal_url(node.attributes.get("src") or "", page.base)
    alternative = " ".join((node.attributes.get("alt") or "").split())
    if url and alternative:
        page.write("![")
        page.write_text(alternative)
        page.write(f"]({_link_target(url)})")


def _inline_code(page: _Renderer, node: LexborNode) -> None:
    text = " ".join(node.text().split())
    if text and page.style.markup:
        ticks = _fence(text, 1)
        pad = " " if text.startswith("`") or text.endswith("`") else ""
        text = f"{ticks}{pad}{text}{pad}{ticks}"
    page.write(_spaced_like(node, text))


def _code_block(page: _Renderer, node: LexborNode) -> None:
    text = node.text().strip("\n")
    if text and page.style.markup:
        ticks = _fence(text, 3)
        text = f"{ticks}\n{text}\n{ticks}"
    page.write_block(text)


def _quote(page: _Renderer, node: LexborNode) -> None:
    text = page.inside(node)
    page.write_block("\n".join(f"> {line}".rstrip() for line in text.splitlines()) if page.style.markup else text)


def _list(page: _Renderer, node: LexborNode) -> None:
    lines: list[str] = []
    for child in children(node):
        text = (child.text_content or "").strip() if child.is_text_node else page.inside(child)
        if text:
            marker = f"{len(lines) + 1}. " if node.tag == "ol" else "- "
            lines.append(marker + _INNER_LINE.sub(" " * len(marker), text))
    page.write_block("\n".join(lines))


def _table(page: _Renderer, node: LexborNode) -> None:
    if len(node.css("table")) > 1:  # tables inside a table are a layout, not data
        page.write_block(page.inside(node))
        return
    rows: list[str] = []
    for row in node.css("tr"):
        cells = [page.one_line(cell).replace("|", "\\|") for cell in children(row) if cell.tag in ("td", "th")]
        if any(cells):
            rows.append(f"| {' | '.join(cells)} |" if page.style.markup else " | ".join(cells))
            if page.style.markup and len(rows) == 1:
                rows.append("|" + " --- |" * len(cells))
    page.write_block("\n".join(rows))


def _line_break(page: _Renderer, _: LexborNode) -> None:
    page.write("\n")


def _rule(page: _Renderer, _: LexborNode) -> None:
    page.write_block("---" if page.style.markup else "")


def _spaced_like(node: LexborNode, piece: str) -> str:
    """The piece, with the space at its ends that its source had inside the element."""
    text = node.text()
    return f"{' ' if text[:1].isspace() else ''}{piece}{' ' if text[-1:].isspace() else ''}"


def _link_target(url: str) -> str:
    return url.replace("(", "%28").replace(")", "%29")


def _fence(text: str, least: int) -> str:
    """More backticks than any run of them in the text."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    return "`" * max(least, longest + 1)


_WRITERS: dict[str, Callable[[_Renderer, LexborNode], None]] = {
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), _heading),
    **dict.fromkeys(("strong", "b", "em", "i"), _emphasis),
    **dict.fromkeys(("code", "kbd", "samp", "tt"), _inline_code),
    **dict.fromkeys(("ul", "ol", "menu"), _list),
    "a": _link,
    "blockquote": _quote,
    "br": _line_break,
    "hr": _rule,
    "img": _image,
    "pre": _code_block,
    "table": _table,
}
