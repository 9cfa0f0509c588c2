"""HTML Text Extractor: the main text of HTML that another node fetched."""

from __future__ import annotations

from typing import Literal

from penstock.errors import StepError
from penstock.flows.nodes.base import Node, NodeContext, NodeSettings, node
from penstock.net.html import process
from penstock.types import Json, JsonObject


class HtmlTextSettings(NodeSettings):
    type: Literal["html_text"] = "html_text"
    readability: bool = True
    """Only the main part: without navigation, banners, forms and the like."""
    keep_links: bool = False
    """Links as `[text](url)`, else only their text."""
    format: Literal["text", "markdown"] = "text"
    """`markdown` keeps headings, emphasis and tables as markup."""


@node
class HtmlText(Node[HtmlTextSettings]):
    """Takes `html`, and `url` where links are relative; gives a text."""

    name = "html_text"
    title = "HTML Text Extractor"
    settings = HtmlTextSettings

    async def run(self, ctx: NodeContext, settings: HtmlTextSettings, inputs: JsonObject) -> Json:
        html, url = inputs.get("html"), inputs.get("url")
        if not isinstance(html, str):
            raise StepError("input_invalid", f"the input `html` must be a text, not {type(html).__name__}")
        arguments = {
            "readability": settings.readability,
            "keepLinks": settings.keep_links,
            "markdown": settings.format == "markdown",
            "url": url if isinstance(url, str) else None,
        }
        return (await process.run("extract_text", html, arguments))["text"]

    def required_inputs(self, settings: HtmlTextSettings) -> frozenset[str]:
        return frozenset({"html"})

    def output_schema(self, settings: HtmlTextSettings) -> JsonObject:
        return {"type": "string"}
