"""A page as a tree, and what in it people do not read."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_INVISIBLE_NAMES = (
    "audio canvas datalist embed head iframe input link meta noscript object script select style svg template "
    "textarea title video"
)
INVISIBLE = frozenset(_INVISIBLE_NAMES.split())
"""Elements whose content is not text of the page."""

_DECLARED = re.compile(rb"""<meta[^>]{0,500}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_DECLARATION_BYTES = 1024
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NO_PAGE_ENCODINGS = frozenset({"utf-7", "unicode_escape", "raw_unicode_escape", "idna", "punycode"})


def decode_page(body: bytes, charset: str | None) -> str:
    """The page as text: by its byte-order mark, else the charset of its headers, else the one it declares in its first
    kilobyte, else UTF-8. What cannot be decoded becomes U+FFFD."""
    marked = next((name for mark, name in _MARKS if body.startswith(mark)), None)
    declared = _DECLARED.search(body, 0, _DECLARATION_BYTES)
    for name in (marked, charset, declared and declared[1].decode()):
        if name and name.lower() not in _NO_PAGE_ENCODINGS:
            try:
                return body.decode(name, "replace").replace("\0", "\ufffd")
            except (LookupError, ValueError):
                continue
    return body.decode("utf-8", "replace").replace("\0", "\ufffd")


def parse(html: str) -> LexborHTMLParser:
    """The tree of a page; every text is a page to an HTML parser, so this cannot fail."""
    from selectolax.lexbor import LexborHTMLParser

    return LexborHTMLParser(html)


def root_of(tree: LexborHTMLParser) -> LexborNode:
    """The body of the page, or all of it when it has none (a frameset)."""
    root = tree.body or tree.root
    if root is None:
        raise ValueError("the document is empty")
    return root


def children(node: LexborNode) -> Iterator[LexborNode]:
    """Elements and texts directly inside, without what is hidden."""
    for child in node.iter(include_text=True):
        if child.tag not in INVISIBLE and (child.is_text_node or "hidden" not in child.attributes):
            yield child


def title_of(tree: LexborHTMLParser) -> str | None:
    """The page's title in one line."""
    node = tree.css_first("head title") or tree.css_first("title")
    return (" ".join(node.text().split()) or None) if node else None


def base_of(tree: LexborHTMLParser, url: str) -> str:
    """What relative links are relative to: `<base href>` where the page has one."""
    from penstock.net.html.urls import normal_url

    node = tree.css_first("base[href]")
    return (normal_url(node.attributes.get("href") or "", url) if node else None) or url


def links_of(tree: LexborHTMLParser, url: str, limit: int) -> list[str]:
    """The pages that this page links to, absolute, each once, in order, at most `limit`."""
    from penstock.net.html.urls import normal_urls

    hrefs = (node.attributes.get("href") or "" for node in tree.css("a[href], area[href]"))
    return normal_urls(hrefs, base_of(tree, url), limit)
