"""Page Scraper: fetches a page and selects from it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from penstock.flows.nodes.base import DocumentModel, Node, NodeContext, NodeSettings, node
from penstock.flows.nodes.fetching import fetch_page, template_faults, url_from, url_inputs
from penstock.net.client import RequestOptions
from penstock.net.html import process
from penstock.net.html.tree import decode_page
from penstock.net.responses import HTML_TYPES, charset
from penstock.types import Json, JsonObject

Format = Literal["html", "text", "markdown"]


class SelectedField(DocumentModel):
    """One value taken from the page."""

    selector: str
    """CSS."""
    attribute: str | None = None
    """An attribute's value instead of the text."""
    many: bool = False
    """A list of all matches, else the first one (null when there is none)."""
    required: bool = False
    """No match is an error of the item."""


class PageScraperSettings(NodeSettings):
    type: Literal["page_scraper"] = "page_scraper"
    url: str | None = None
    """A template of the address; without it, the input `url` (or `urlVar`)."""
    selector: str | None = None
    """CSS: `html`, `text` and `markdown` are of what matches, else of the whole page."""
    selectors: dict[str, SelectedField] = Field(default_factory=dict, max_length=100)
    """Name → what to take; comes out as `selected`."""
    formats: tuple[Format, ...] = ("html", "text", "markdown")
    """Which of these the output carries. Fewer keep the execution's records small."""
    max_bytes: Annotated[int, Field(ge=1, le=20_000_000)] = 10_000_000


@node
class PageScraper(Node[PageScraperSettings]):
    """Takes `url`; gives `{url, status, title, html, text, markdown, links}`, and `selected` where fields are named."""

    name = "page_scraper"
    title = "Page Scraper"
    settings = PageScraperSettings
    effectful = True

    async def run(self, ctx: NodeContext, settings: PageScraperSettings, inputs: JsonObject) -> Json:
        options = RequestOptions(
            timeout_seconds=settings.timeout_seconds or 30.0, max_bytes=settings.max_bytes, body_types=HTML_TYPES
        )
        response = await fetch_page(ctx.services.http, url_from(settings.url, inputs), options)
        ctx.detail.update(status=response.status, bytes=len(response.body))
        html = await asyncio.to_thread(decode_page, response.body, charset(response.headers))
        arguments = {
            "url": response.url,
            "selector": settings.selector,
            "fields": {name: field.model_dump() for name, field in settings.selectors.items()},
            "formats": settings.formats,
        }
        page = dict(await process.run("scrape", html, arguments))
        if not settings.selectors:
            del page["selected"]
        return {"url": response.url, "status": response.status, **page}

    def check(self, settings: PageScraperSettings) -> Iterable[tuple[str, str]]:
        yield from template_faults("url", settings.url)
        selectors = {f"selectors.{name}.selector": field.selector for name, field in settings.selectors.items()}
        if settings.selector is not None:
            selectors["selector"] = settings.selector
        for path, selector in selectors.items():
            if not _is_selector(selector):
                yield path, f"{selector!r} is not a CSS selector"

    def required_inputs(self, settings: PageScraperSettings) -> frozenset[str]:
        return url_inputs(settings, settings.url)

    def output_schema(self, settings: PageScraperSettings) -> JsonObject:
        properties: dict[str, Json] = {
            "url": {"type": "string"},
            "status": {"type": "integer"},
            "title": {"type": ["string", "null"]},
            "links": {"type": "array", "items": {"type": "string"}},
            **{name: {"type": "string"} for name in settings.formats},
        }
        if settings.selectors:
            fields: JsonObject = {name: _field_schema(field) for name, field in settings.selectors.items()}
            properties["selected"] = {"type": "object", "properties": fields, "additionalProperties": False}
        return {"type": "object", "properties": properties, "additionalProperties": False}


def _is_selector(text: str) -> bool:
    from selectolax.lexbor import LexborHTMLParser, SelectolaxError

    try:
        LexborHTMLParser("<p></p>").css(text)
    except SelectolaxError:
        return False
    return bool(text.strip())


def _field_schema(field: SelectedField) -> JsonObject:
    if field.many:
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "string"} if field.required else {"type": ["string", "null"]}
