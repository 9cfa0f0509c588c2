"""What nodes ask of a page. Each task takes the page and plain arguments and gives plain JSON, so that it runs the
same in a thread and in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from penstock.errors import StepError
from penstock.net.html.article import main_part
from penstock.net.html.render import MARKDOWN, PLAIN, Style, render
from penstock.net.html.tree import base_of, links_of, parse, root_of, title_of
from penstock.types import Json, JsonObject

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

MAX_LINKS = 5_000
MAX_MATCHES = 10_000


def find_links(html: str, arguments: Mapping[str, Any]) -> JsonObject:
    """`{url}` → `{links}`: the pages linked to, absolute, each once."""
    return {"links": links_of(parse(html), arguments["url"], MAX_LINKS)}


def extract_text(html: str, arguments: Mapping[str, Any]) -> JsonObject:
    """`{readability, keepLinks, markdown, url}` → `{text}`: the main part (or all) of the page."""
    tree = parse(html)
    part = main_part(tree) if arguments["readability"] else root_of(tree)
    style = Style(markup=arguments["markdown"], links=arguments["keepLinks"])
    return {"text": render(part, style, arguments["url"])}


def scrape(html: str, arguments: Mapping[str, Any]) -> JsonObject:
    """`{url, selector, fields, formats}` → `{title, links, selected}` and `html`, `text`, `markdown` where asked for.

    Raises `StepError` `selector_unmatched` when `selector`, or a field that is required, finds nothing.
    """
    tree = parse(html)
    url, selector, formats = arguments["url"], arguments["selector"], arguments["formats"]
    parts = _matches(tree, selector) if selector else [root_of(tree)]
    if not parts:
        raise StepError("selector_unmatched", f"nothing on the page matches the selector {selector!r}")
    base = base_of(tree, url)
    page: dict[str, Json] = {"title": title_of(tree), "links": links_of(tree, url, MAX_LINKS)}
    if "html" in formats:
        page["html"] = "\n".join(part.html or "" for part in parts) if selector else html
    if "text" in formats:
        page["text"] = "\n\n".join(render(part, PLAIN) for part in parts)
    if "markdown" in formats:
        page["markdown"] = "\n\n".join(render(part, MARKDOWN, base) for part in parts)
    page["selected"] = {name: _field(tree, name, field) for name, field in arguments["fields"].items()}
    return page


def _matches(tree: LexborHTMLParser, selector: str) -> list[LexborNode]:
    return tree.css(selector)[:MAX_MATCHES]


def _field(tree: LexborHTMLParser, name: str, field: Mapping[str, Any]) -> Json:
    selector, attribute = field["selector"], field["attribute"]
    values = []
    for node in _matches(tree, selector):
        value = node.attributes.get(attribute) if attribute else render(node, PLAIN)
        if value is not None:
            values.append(value)
            if not field["many"]:
                return value
    if field["required"] and not values:
        raise StepError("selector_unmatched", f"nothing on the page matches {selector!r}, the selector of {name!r}")
    return values if field["many"] else None


TASKS: dict[str, Callable[[str, Mapping[str, Any]], JsonObject]] = {
    "find_links": find_links,
    "extract_text": extract_text,
    "scrape": scrape,
}
