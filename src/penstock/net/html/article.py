"""The main part of a page: what is left without navigation, banners and the like.

A page that marks it (`<main>`, one `<article>`) is believed. Otherwise the block whose own paragraphs hold the most
text outside links is taken, in the manner of Arc90's Readability: a paragraph counts fully for the element it stands
in and half for the one around that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.net.html.tree import root_of

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_BOILERPLATE = (
    "body > header, body > div > header, "
    "nav, aside, footer, form, script, style, noscript, template, iframe, dialog, [hidden], [aria-hidden=true], "
    "[role=navigation], [role=banner], [role=contentinfo], [role=complementary], [role=search], [role=dialog]"
)
_PARAGRAPHS = "p, pre, blockquote, li, td, dd"
_LEAST_CHARS = 25
"""Shorter paragraphs are labels and buttons more often than prose."""


def main_part(tree: LexborHTMLParser) -> LexborNode:
    """The element that holds the page's main text. Takes the boilerplate out of the tree."""
    _remove(tree, _BOILERPLATE)
    for selector in ("main, [role=main]", "article"):
        marked = tree.css(selector)
        if len(marked) == 1 and marked[0].text(strip=True):
            return marked[0]
    return _densest(tree) or root_of(tree)


def _remove(tree: LexborHTMLParser, selector: str) -> None:
    """Take out all that matches. Only the outermost of nested matches is touched: it frees what is inside."""
    matches = [node for node in tree.css(selector) if node.tag not in ("html", "body", "main")]
    doomed = {node.mem_id for node in matches}
    for node in [match for match in matches if not _is_inside(match, doomed)]:
        node.decompose()


def _is_inside(node: LexborNode, ids: set[int]) -> bool:
    holder = node.parent
    while holder is not None and holder.mem_id not in ids:
        holder = holder.parent
    return holder is not None


def _densest(tree: LexborHTMLParser) -> LexborNode | None:
    scores: dict[int, float] = {}
    nodes: dict[int, LexborNode] = {}
    for paragraph in tree.css(_PARAGRAPHS):
        linked = sum(len(link.text(strip=True)) for link in paragraph.css("a"))
        prose = len(paragraph.text(strip=True)) - linked
        if prose < _LEAST_CHARS:
            continue
        holder, share = paragraph.parent, 1.0
        while holder is not None and holder.tag not in ("html", None) and share > 0.2:
            scores[holder.mem_id] = scores.get(holder.mem_id, 0.0) + prose * share
            nodes[holder.mem_id] = holder
            holder, share = holder.parent, share / 2
    return nodes[max(scores, key=scores.__getitem__)] if scores else None
