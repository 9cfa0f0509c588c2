"""Page Scraper: a page over real HTTP, as text, Markdown, HTML, links and selected fields."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from penstock.errors import StepError
from penstock.flows.nodes.base import NodeContext
from penstock.flows.nodes.page_scraper import PageScraper, PageScraperSettings
from penstock.flows.services import Services
from penstock.net.client import GuardedClient
from penstock.net.policy import EgressPolicy
from penstock.testing.site import serve_app, serve_site
from penstock.types import Tenant

NODE = PageScraper()


def settings(**fields: Any) -> PageScraperSettings:
    return PageScraperSettings.model_validate({"type": "page_scraper", **fields})


@pytest.fixture
async def ctx() -> AsyncIterator[NodeContext]:
    client = GuardedClient(EgressPolicy(allowed_networks=("127.0.0.1/32",)))
    yield NodeContext(
        tenant=Tenant("org", "project"),
        execution_id="exec_1",
        item_path="0",
        flow_id="flow",
        flow_version=1,
        node="scrape",
        round=0,
        attempt=1,
        services=cast(Services, SimpleNamespace(http=client)),
    )
    await client.close()


@pytest.fixture
async def site() -> AsyncIterator[str]:
    async with serve_site() as url:
        yield url


async def scrape(ctx: NodeContext, url: str, **fields: Any) -> Any:
    return await NODE.run(ctx, settings(**fields), {"url": url})


async def failure(ctx: NodeContext, url: str, **fields: Any) -> StepError:
    with pytest.raises(StepError) as caught:
        await scrape(ctx, url, **fields)
    return caught.value


async def served(ctx: NodeContext, body: bytes, content_type: str, **fields: Any) -> Any:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/page", answer)
    async with serve_app(app) as url:
        return await scrape(ctx, f"{url}/page", **fields)


async def test_a_page_comes_out_in_every_form(ctx: NodeContext, site: str) -> None:
    page = await scrape(ctx, f"{site}/crossings")
    assert (page["url"], page["status"]) == (f"{site}/crossings", 200)
    assert page["title"] == "Crossings · Orrin Sound Ferries"
    assert page["html"].startswith("<!doctype html>")
    assert "Children under twelve travel free" in page["text"]
    assert "window.visits" not in page["text"] + page["markdown"]
    assert "## When we do not sail" in page["markdown"]
    assert f"| [Orrin to Skell]({site}/crossings/skell) | 35 | 6.40 |" in page["markdown"]
    assert f"{site}/crossings/skell" in page["links"]
    assert len(page["links"]) == len(set(page["links"]))
    assert set(page) == set(cast(Any, NODE.output_schema(settings()))["properties"])


async def test_a_selector_narrows_the_page_but_not_its_links(ctx: NodeContext, site: str) -> None:
    page = await scrape(
        ctx, f"{site}/crossings", selector="article h1, article h2", formats=["html", "text", "markdown"]
    )
    assert page["html"] == "<h1>Crossings</h1>\n<h2>When we do not sail</h2>"
    assert page["text"] == "Crossings\n\nWhen we do not sail"
    assert page["markdown"] == "# Crossings\n\n## When we do not sail"
    assert f"{site}/contact" in page["links"]


async def test_only_the_formats_asked_for_are_carried(ctx: NodeContext, site: str) -> None:
    page = await scrape(ctx, f"{site}/fleet", formats=["text"])
    assert "html" not in page
    assert "markdown" not in page
    assert "html" not in cast(Any, NODE.output_schema(settings(formats=["text"])))["properties"]


async def test_named_fields_are_selected(ctx: NodeContext, site: str) -> None:
    page = await scrape(
        ctx,
        f"{site}/crossings",
        selectors={
            "heading": {"selector": "h1"},
            "about": {"selector": "meta[name=description]", "attribute": "content"},
            "fares": {"selector": "td:last-child", "many": True},
            "price": {"selector": ".price"},
            "prices": {"selector": ".price", "many": True},
        },
    )
    assert page["selected"] == {
        "heading": "Crossings",
        "about": "Routes, durations and fares.",
        "fares": ["6.40", "11.20"],
        "price": None,
        "prices": [],
    }


async def test_what_must_match_and_does_not_is_an_error_of_the_item(ctx: NodeContext, site: str) -> None:
    assert (await failure(ctx, f"{site}/fleet", selector=".price")).code == "selector_unmatched"
    field = {"price": {"selector": ".price", "required": True}}
    error = await failure(ctx, f"{site}/fleet", selectors=field)
    assert (error.code, error.retryable) == ("selector_unmatched", False)
    assert "'price'" in error.message


async def test_a_redirect_is_followed_and_shown(ctx: NodeContext, site: str) -> None:
    assert (await scrape(ctx, f"{site}/news"))["url"] == f"{site}/history"


async def test_pages_that_are_not_there_or_not_pages_fail(ctx: NodeContext, site: str) -> None:
    missing = await failure(ctx, f"{site}/lost-and-found")
    assert (missing.code, missing.retryable) == ("http_status", False)
    table = await failure(ctx, f"{site}/timetable.csv")
    assert (table.code, table.retryable) == ("not_html", False)
    assert "text/csv" in table.message


async def test_a_page_that_leads_inside_is_refused(ctx: NodeContext) -> None:
    async def go(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data"})

    app = web.Application()
    app.router.add_get("/go", go)
    async with serve_app(app) as url:
        assert (await failure(ctx, f"{url}/go")).code == "address_refused"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<p>Größe</p>".encode("latin-1"), "text/html; charset=iso-8859-1"),
        ("<meta charset='windows-1252'><p>Größe</p>".encode("cp1252"), "text/html"),
        ("<p>Größe</p>".encode("utf-16"), "text/html"),
        ("<p>Größe</p>".encode(), "text/html; charset=no-such-thing"),
    ],
)
async def test_text_is_read_in_the_charset_of_the_page(ctx: NodeContext, body: bytes, content_type: str) -> None:
    assert (await served(ctx, body, content_type))["text"] == "Größe"


async def test_bytes_that_are_no_text_do_not_get_into_the_output(ctx: NodeContext) -> None:
    page = await served(ctx, b"<p>a\0b\xff</p>", "text/html; charset=utf-8")
    assert page["html"] == "<p>a\ufffdb\ufffd</p>"


async def test_a_page_over_the_limit_is_not_read(ctx: NodeContext) -> None:
    with pytest.raises(StepError) as caught:
        await served(ctx, b"<p>" + b"x" * 5000, "text/html", maxBytes=1000)
    assert caught.value.code == "response_too_large"


async def test_a_large_page_is_read_whole(ctx: NodeContext) -> None:
    page = await served(
        ctx, b"<title>big</title>" + b"<p><a href=/x>word</a></p>" * 20_000, "text/html", formats=["text"]
    )
    assert page["text"].count("word") == 20_000
    assert (page["title"], len(page["links"])) == ("big", 1)


async def test_a_page_made_to_exhaust_memory_fails_alone(ctx: NodeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.net.html.process.MEMORY_LIMIT_BYTES", 200 << 20)
    bomb = "<p>" + "".join(f"<b id={n}>" for n in range(2000)) + "</p><p>x" * 600
    with pytest.raises(StepError) as caught:
        await served(ctx, bomb.encode(), "text/html")
    assert (caught.value.code, caught.value.retryable) == ("html_too_complex", False)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"selector": "p:::x["}, "selector"),
        ({"selector": " "}, "selector"),
        ({"selectors": {"a": {"selector": "h1"}, "b": {"selector": "[["}}}, "selectors.b.selector"),
        ({"url": "https://{{ x"}, "url"),
    ],
)
def test_faults_are_found_when_the_flow_is_saved(fields: Any, path: str) -> None:
    assert [fault[0] for fault in NODE.check(settings(**fields))] == [path]


async def test_the_address_may_be_a_template(ctx: NodeContext, site: str) -> None:
    template = settings(url=site + "/{{ page }}", formats=["text"])
    assert NODE.required_inputs(template) == {"page"}
    assert cast(Any, await NODE.run(ctx, template, {"page": "visit"}))["url"] == f"{site}/visit"


async def test_an_address_that_is_no_text_is_refused(ctx: NodeContext) -> None:
    with pytest.raises(StepError) as caught:
        await NODE.run(ctx, settings(), {"url": 7})
    assert caught.value.code == "url_invalid"
