"""What the nodes that fetch pages have in common: where the address comes from, and getting the page."""

from __future__ import annotations

from collections.abc import Iterable

from penstock.errors import StepError
from penstock.flows.expressions import ExpressionError, template
from penstock.flows.nodes.base import NodeSettings
from penstock.net.client import GuardedClient, HttpResponse, RequestOptions
from penstock.net.responses import is_html, media_type, status_error
from penstock.types import JsonObject


def url_inputs(settings: NodeSettings, url: str | None) -> frozenset[str]:
    """Inputs the address needs: the variables of the `url` setting, else the input `urlVar` or `url`."""
    if url is not None:
        return template(url).variables
    return frozenset({"urlVar"} if "urlVar" in settings.inputs else {"url"})


def url_from(url: str | None, inputs: JsonObject) -> str:
    """The address to fetch. Raises `StepError` `url_invalid` when the input is not a text."""
    if url is not None:
        return template(url).render(inputs)
    value = inputs.get("urlVar", inputs.get("url"))
    if not isinstance(value, str):
        raise StepError("url_invalid", f"the input `url` must be a text, not {type(value).__name__}")
    return value


def template_faults(path: str, source: str | None) -> Iterable[tuple[str, str]]:
    """The fault of a template, if it has one."""
    if source is not None:
        try:
            template(source)
        except ExpressionError as error:
            yield path, str(error)


async def fetch_page(client: GuardedClient, url: str, options: RequestOptions) -> HttpResponse:
    """An HTML page. Raises `StepError`: `http_status` outside 2xx, `not_html`, and those of the client."""
    response = await client.request("GET", url, headers={"Accept": "text/html, */*;q=0.1"}, options=options)
    if not 200 <= response.status < 300:
        raise status_error(response)
    if not is_html(response):
        kind = media_type(response.headers) or "of no stated type"
        raise StepError("not_html", f"{response.url.partition('?')[0]} is not an HTML page but {kind}")
    return response
