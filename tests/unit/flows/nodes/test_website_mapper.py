"""Website Mapper: crawls over real HTTP, on the ferry line's site and on sites made for the case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web
from pydantic import ValidationError

from penstock.errors import StepError
from penstock.flows.nodes.base import NodeContext
from penstock.flows.nodes.website_mapper import WebsiteMapper, WebsiteMapperSettings
from penstock.flows.services import Services
from penstock.net.client import GuardedClient
from penstock.net.policy import EgressPolicy
from penstock.testing.site import serve_app, serve_site
from penstock.testing.site_pages import PAGES
from penstock.types import Tenant

NODE = WebsiteMapper()


def settings(**fields: Any) -> WebsiteMapperSettings:
    return WebsiteMapperSettings.model_validate({"type": "website_mapper", "delaySeconds": 0, **fields})


@pytest.fixture
async def ctx() -> AsyncIterator[NodeContext]:
    client = GuardedClient(EgressPolicy(allowed_networks=("127.0.0.0/8",)))
    yield NodeContext(
        tenant=Tenant("org", "project"),
        execution_id="exec_1",
        item_path="0",
        flow_id="flow",
        flow_version=1,
        node="map",
        round=0,
        attempt=1,
        services=cast(Services, SimpleNamespace(http=client)),
    )
    await client.close()


async def crawl(ctx: NodeContext, url: str, **fields: Any) -> Any:
    return await NODE.run(ctx, settings(**fields), {"urlVar": url})


async def failure(ctx: NodeContext, url: str, **fields: Any) -> StepError:
    with pytest.raises(StepError) as caught:
        await crawl(ctx, url, **fields)
    return caught.value


class Site:
    """Pages given as `path -> html`, and what was asked for."""

    def __init__(self, pages: dict[str, str], robots: str | None = None, robots_status: int = 200) -> None:
        self.asked: list[str] = []
        self.moved: dict[str, str] = {}
        self.app = web.Application()
        self._pages = pages
        self._robots = robots
        self._robots_status = robots_status
        self.app.router.add_get("/{path:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path_qs)
        if request.path == "/robots.txt":
            return web.Response(
                status=self._robots_status if self._robots is not None else 404, text=self._robots or ""
            )
        if request.path in self.moved:
            return web.Response(status=302, headers={"Location": self.moved[request.path]})
        html = self._pages.get(request.path_qs)
        return web.Response(status=200 if html else 404, text=html or "", content_type="text/html")


def linking(*targets: str) -> str:
    return "<p>" + " ".join(f"<a href='{target}'>x</a>" for target in targets) + "</p>"


async def test_the_site_is_mapped_from_its_start_page(ctx: NodeContext) -> None:
    async with serve_site() as url:
        out = await crawl(ctx, url, maxDepth=5)
    open_pages = {f"{url}{path}" for path in PAGES if not path.startswith("/staff")}
    assert set(out["urls"]) == open_pages
    assert out["urls"][0] == f"{url}/"
    assert out["pageCount"] == len(open_pages)
    assert out["totalPages"] == len(open_pages) + 4  # the timetable, the broken, the moved and the closed page
    assert out["crawlDepth"] == 2
    assert ctx.detail == {"tried": len(open_pages) + 4, "failed": 1, "notHtml": 1, "closedByRobots": 1}


async def test_the_same_site_gives_the_same_list(ctx: NodeContext) -> None:
    async with serve_site() as url:
        first = await crawl(ctx, url, concurrency=8)
        assert await crawl(ctx, url, concurrency=8) == first
        assert (await crawl(ctx, url, concurrency=1))["urls"] == first["urls"]


async def test_depth_and_page_limits_hold(ctx: NodeContext) -> None:
    async with serve_site() as url:
        alone = await crawl(ctx, url, maxDepth=0)
        assert (alone["urls"], alone["crawlDepth"]) == ([f"{url}/"], 0)
        near = await crawl(ctx, url, maxDepth=1)
        assert f"{url}/fleet" in near["urls"]
        assert f"{url}/fleet/petrel" not in near["urls"]
        assert near["crawlDepth"] == 1
        few = await crawl(ctx, url, maxPages=3)
        assert few["pageCount"] == len(few["urls"]) == 3


async def test_patterns_choose_addresses(ctx: NodeContext) -> None:
    async with serve_site() as url:
        fleet = await crawl(ctx, f"{url}/fleet", include=["*/fleet*"])
        assert set(fleet["urls"]) == {f"{url}/fleet", f"{url}/fleet/petrel", f"{url}/fleet/marrow"}
        rest = await crawl(ctx, url, exclude=["*/fleet*", "*/history*"])
        assert not [page for page in rest["urls"] if "fleet" in page or "history" in page]


async def test_robots_txt_is_obeyed_unless_told_otherwise(ctx: NodeContext) -> None:
    async with serve_site() as url:
        assert f"{url}/staff/rota" in (await crawl(ctx, url, maxDepth=5, obeyRobots=False))["urls"]
        error = await failure(ctx, f"{url}/staff/rota")
    assert (error.code, error.retryable) == ("robots_disallowed", False)
    assert "obeyRobots" in error.message


async def test_rules_for_us_win_over_rules_for_all_and_are_asked_for_once(ctx: NodeContext) -> None:
    robots = "User-agent: *\nDisallow: /\n\nUser-agent: Penstock\nDisallow: /*?print\nAllow: /\n"
    site = Site({"/": linking("/a", "/a?print", "/b"), "/a": "a", "/b": "b", "/a?print": "p"}, robots)
    async with serve_app(site.app) as url:
        out = await crawl(ctx, url, concurrency=4)
    assert out["urls"] == [f"{url}/", f"{url}/a", f"{url}/b"]
    assert site.asked.count("/robots.txt") == 1
    assert "/a?print" not in site.asked


async def test_a_redirect_into_a_closed_folder_leads_nowhere(ctx: NodeContext) -> None:
    site = Site({"/": linking("/go"), "/closed/x": linking("/closed/y")}, "User-agent: *\nDisallow: /closed\n")
    site.moved["/go"] = "/closed/x"
    async with serve_app(site.app) as url:
        out = await crawl(ctx, url)
    assert out["urls"] == [f"{url}/"]
    assert ctx.detail["closedByRobots"] == 1


async def test_a_site_whose_rules_cannot_be_read_is_closed_for_now(ctx: NodeContext) -> None:
    site = Site({"/": "hello"}, "busy", 503)
    async with serve_app(site.app) as url:
        error = await failure(ctx, url)
    assert (error.code, error.retryable) == ("robots_unavailable", True)
    assert site.asked == ["/robots.txt"]


async def test_an_address_is_visited_once_however_it_is_written(ctx: NodeContext) -> None:
    site = Site(
        {"/": linking("/a", "/a#x", "a", "./b/../a", "/", "", "#top", "mailto:x@y", "javascript:void(0)"), "/a": "a"}
    )
    async with serve_app(site.app) as url:
        out = await crawl(ctx, url.replace("http://", "HTTP://"))
    assert out["urls"] == [f"{url}/", f"{url}/a"]
    assert site.asked == ["/robots.txt", "/", "/a"]


async def test_other_hosts_are_left_alone_unless_asked_for(ctx: NodeContext) -> None:
    other = Site({"/": linking("/deep"), "/deep": "d"})
    async with serve_app(other.app, host="127.0.0.2") as elsewhere:
        site = Site({"/": linking("/go", f"{elsewhere}/"), "/go": "x"})
        async with serve_app(site.app) as url:
            assert (await crawl(ctx, url))["urls"] == [f"{url}/", f"{url}/go"]
            assert other.asked == []
            wide = await crawl(ctx, url, sameDomainOnly=False)
    assert set(wide["urls"]) == {f"{url}/", f"{url}/go", f"{elsewhere}/", f"{elsewhere}/deep"}


async def test_a_site_without_end_ends(ctx: NodeContext) -> None:
    async def endless(request: web.Request) -> web.Response:
        page = int(request.query.get("n", 0))
        return web.Response(
            text=linking(*(f"/?n={page * 50 + step}" for step in range(1, 51))), content_type="text/html"
        )

    app = web.Application()
    app.router.add_get("/", endless)
    async with serve_app(app) as url:
        out = await crawl(ctx, url, maxPages=10, maxDepth=50)
    assert out["pageCount"] == 10
    assert out["totalPages"] <= 10 * 20 + 1


async def test_broken_links_without_end_end(ctx: NodeContext) -> None:
    site = Site({"/": linking(*(f"/missing/{n}" for n in range(500)))})
    async with serve_app(site.app) as url:
        out = await crawl(ctx, url, maxPages=5)
    assert out["urls"] == [f"{url}/"]
    assert len(site.asked) == 1 + 10


async def test_requests_to_one_site_are_spaced(ctx: NodeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    real_sleep = asyncio.sleep

    async def count(seconds: float) -> None:
        if seconds > 1:
            waits.append(seconds)
        await real_sleep(0)

    monkeypatch.setattr("penstock.flows.nodes.website_mapper.asyncio.sleep", count)
    site = Site({"/": linking("/a", "/b", "/c"), "/a": "a", "/b": "b", "/c": "c"}, "User-agent: *\nCrawl-delay: 20\n")
    async with serve_app(site.app) as url:
        await crawl(ctx, url, delaySeconds=1)
    assert sorted(round(wait / 20) for wait in waits) == [1, 2, 3]


async def test_a_start_page_that_cannot_be_read_fails_the_step(ctx: NodeContext) -> None:
    async with serve_site() as url:
        assert (await failure(ctx, f"{url}/lost-and-found")).code == "http_status"
        assert (await failure(ctx, f"{url}/timetable.csv")).code == "not_html"
    assert (await failure(ctx, "ftp://example.com")).code == "url_invalid"
    assert (await failure(ctx, "http://10.0.0.1/")).code == "address_refused"


def test_its_input_is_url_or_the_name_the_graph_editor_gives_it() -> None:
    assert NODE.required_inputs(settings()) == {"url"}
    assert NODE.required_inputs(settings(inputs={"urlVar": "input.site"})) == {"urlVar"}
    assert NODE.required_inputs(settings(url="https://{{ host }}/")) == {"host"}
    assert [path for path, _ in NODE.check(settings(url="https://{{ host/"))] == ["url"]


@pytest.mark.parametrize("fields", [{"maxPages": 0}, {"maxDepth": -1}, {"concurrency": 1000}, {"delaySeconds": -1}])
def test_settings_out_of_bounds_are_refused(fields: Any) -> None:
    with pytest.raises(ValidationError):
        settings(**fields)
