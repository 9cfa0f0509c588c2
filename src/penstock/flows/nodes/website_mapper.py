"""Website Mapper: finds the pages of a site by following its links."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

from penstock.errors import StepError
from penstock.flows.nodes.base import Node, NodeContext, NodeSettings, node
from penstock.flows.nodes.fetching import fetch_page, template_faults, url_from, url_inputs
from penstock.net.client import GuardedClient, HttpResponse, RequestOptions
from penstock.net.html import process
from penstock.net.html.tree import decode_page
from penstock.net.html.urls import normal_url, origin_of, site_of
from penstock.net.responses import HTML_TYPES, charset
from penstock.net.robots import Robots, fetch_robots
from penstock.types import Json, JsonObject

PAGE_TIMEOUT_SECONDS = 30.0
MAX_PAGE_BYTES = 5_000_000
ADDRESSES_PER_PAGE = 20
"""Addresses remembered for each page that may be read: the bound of a crawl's memory."""

Pattern = Annotated[str, Field(min_length=1, max_length=500)]


class WebsiteMapperSettings(NodeSettings):
    type: Literal["website_mapper"] = "website_mapper"
    url: str | None = None
    """A template of the address to start at; without it, the input `urlVar` (or `url`)."""
    max_depth: Annotated[int, Field(ge=0, le=50)] = 2
    """Links away from the start; 0 is the start page alone."""
    max_pages: Annotated[int, Field(ge=1, le=10_000)] = 50
    """The crawl ends when it has found so many, or tried twice as many."""
    same_domain_only: bool = True
    """Stay on the start page's host; `www.` makes no difference."""
    obey_robots: bool = True
    """Do what the site's robots.txt asks, its Crawl-delay included."""
    delay_seconds: Annotated[float, Field(ge=0, le=60)] = 1.0
    """Between the starts of two requests to one site."""
    concurrency: Annotated[int, Field(ge=1, le=32)] = 4
    include: Annotated[list[Pattern], Field(max_length=100)] = Field(default_factory=list)
    """Only addresses that match one of these, `*` and `?` standing for any text and any character."""
    exclude: Annotated[list[Pattern], Field(max_length=100)] = Field(default_factory=list)
    """No addresses that match one of these. Neither list applies to the start page."""


@node
class WebsiteMapper(Node[WebsiteMapperSettings]):
    """Takes `urlVar` or `url`; gives `{urls, totalPages, pageCount, crawlDepth}`.

    `urls` are the HTML pages that could be read, nearest first; `pageCount` is how many; `totalPages` is how many
    addresses were found within the limits of the crawl, read or not; `crawlDepth` is how far it went.
    """

    name = "website_mapper"
    title = "Website Mapper"
    settings = WebsiteMapperSettings
    effectful = True
    default_timeout_seconds = 1800.0

    async def run(self, ctx: NodeContext, settings: WebsiteMapperSettings, inputs: JsonObject) -> Json:
        start = normal_url(url_from(settings.url, inputs))
        if start is None:
            raise StepError("url_invalid", "the start address must be an http:// or https:// URL")
        crawl = _Crawl(ctx.services.http, settings)
        await crawl.run(start)
        ctx.detail.update(tried=crawl.tried, failed=crawl.failed, notHtml=crawl.not_html, closedByRobots=crawl.closed)
        return {
            "urls": list(crawl.pages),
            "totalPages": len(crawl.seen),
            "pageCount": len(crawl.pages),
            "crawlDepth": crawl.depth,
        }

    def check(self, settings: WebsiteMapperSettings) -> Iterable[tuple[str, str]]:
        return template_faults("url", settings.url)

    def required_inputs(self, settings: WebsiteMapperSettings) -> frozenset[str]:
        return url_inputs(settings, settings.url)

    def output_schema(self, settings: WebsiteMapperSettings) -> JsonObject:
        count: JsonObject = {"type": "integer"}
        return {
            "type": "object",
            "properties": {
                "urls": {"type": "array", "items": {"type": "string"}},
                "totalPages": count,
                "pageCount": count,
                "crawlDepth": count,
            },
            "additionalProperties": False,
        }


@dataclass(slots=True)
class _Site:
    """One origin: its rules, and when it may be asked next (on the monotonic clock)."""

    robots: Robots
    delay_seconds: float
    next_start: float = 0.0

    async def wait_for_turn(self) -> None:
        now = time.monotonic()
        turn = max(now, self.next_start)
        self.next_start = turn + self.delay_seconds
        if turn > now:
            await asyncio.sleep(turn - now)


@dataclass(slots=True)
class _Crawl:
    """A crawl, level by level: the pages of one level are read side by side, and taken in their order, so that the
    same site gives the same list."""

    client: GuardedClient
    settings: WebsiteMapperSettings
    pages: dict[str, None] = field(default_factory=dict)
    seen: dict[str, None] = field(default_factory=dict)
    tried: int = 0
    failed: int = 0
    not_html: int = 0
    closed: int = 0
    depth: int = 0
    _sites: dict[str, asyncio.Task[_Site]] = field(default_factory=dict)
    _home: str = ""
    _options: RequestOptions = field(
        default=RequestOptions(timeout_seconds=PAGE_TIMEOUT_SECONDS, max_bytes=MAX_PAGE_BYTES, body_types=HTML_TYPES)
    )

    async def run(self, start: str) -> None:
        """Crawl from `start`. Raises the `StepError` of the start page when that cannot be read."""
        self.seen[start] = None
        try:
            level = await self._first_level(start)
            while level and self.depth < self.settings.max_depth and self._has_room():
                level = await self._read_level(level)
        finally:
            await self._forget_sites()

    async def _first_level(self, start: str) -> list[str]:
        self.tried = 1
        page = await self._fetch(start)
        if page is None:
            raise StepError(
                "robots_disallowed",
                f"robots.txt of {site_of(start)} does not allow reading the start page; "
                "set obeyRobots to false if the site's owner agrees",
            )
        self._home = site_of(page.url)
        return self._follow(page.url, await self._links(page))

    async def _read_level(self, addresses: list[str]) -> list[str]:
        """Read the pages of one level; gives the addresses of the next."""
        following: list[str] = []
        found_before = len(self.pages)
        while addresses and self._has_room():
            limit = min(self.settings.concurrency, self.settings.max_pages - len(self.pages), self._tries_left())
            batch, addresses = addresses[:limit], addresses[limit:]
            self.tried += len(batch)
            for url, links in filter(None, await asyncio.gather(*map(self._visit, batch))):
                following += self._follow(url, links)
        if len(self.pages) > found_before:
            self.depth += 1
        return following

    def _has_room(self) -> bool:
        return len(self.pages) < self.settings.max_pages and self._tries_left() > 0

    def _tries_left(self) -> int:
        return 2 * self.settings.max_pages - self.tried

    async def _visit(self, url: str) -> tuple[str, Sequence[str]] | None:
        """The page's own address and its links; None, counted, when there is nothing to read."""
        try:
            page = await self._fetch(url)
            if page is None:
                self.closed += 1
                return None
            return page.url, await self._links(page)
        except StepError as error:
            if error.code == "not_html":
                self.not_html += 1
            else:
                self.failed += 1
            return None

    def _follow(self, url: str, links: Sequence[str]) -> list[str]:
        """Take a page in; gives the addresses it adds to the crawl. A redirect may have led out of bounds."""
        own = normal_url(url) or url
        is_start = not self.pages
        if own in self.pages or not (is_start or self._is_wanted(own)):
            return []
        self.pages[own] = None
        self.seen[own] = None
        fresh = [link for link in links if link not in self.seen and self._is_wanted(link)]
        fresh = fresh[: max(0, ADDRESSES_PER_PAGE * self.settings.max_pages - len(self.seen))]
        self.seen.update(dict.fromkeys(fresh))
        return fresh

    def _is_wanted(self, url: str) -> bool:
        settings = self.settings
        if settings.same_domain_only and site_of(url) != self._home:
            return False
        if any(fnmatchcase(url, pattern) for pattern in settings.exclude):
            return False
        return not settings.include or any(fnmatchcase(url, pattern) for pattern in settings.include)

    async def _fetch(self, url: str) -> HttpResponse | None:
        """The page; None when robots.txt closes it."""
        site = await self._site(origin_of(url))
        if not site.robots.allows(url):
            return None
        await site.wait_for_turn()
        page = await fetch_page(self.client, url, self._options)
        if page.url != url and not (await self._site(origin_of(page.url))).robots.allows(page.url):
            return None
        return page

    async def _links(self, page: HttpResponse) -> Sequence[str]:
        html = await asyncio.to_thread(decode_page, page.body, charset(page.headers))
        links: Sequence[str] = (await process.run("find_links", html, {"url": page.url}))["links"]  # type: ignore[assignment]
        return links

    async def _site(self, origin: str) -> _Site:
        # A task, so that the pages of a level that belong to one site ask for its rules once.
        if origin not in self._sites:
            self._sites[origin] = asyncio.create_task(self._ask_site(origin))
        return await asyncio.shield(self._sites[origin])

    async def _ask_site(self, origin: str) -> _Site:
        delay = self.settings.delay_seconds
        if not self.settings.obey_robots:
            return _Site(Robots(), delay)
        robots = await fetch_robots(self.client, origin, replace(self._options, body_types=()))
        return _Site(robots, max(delay, robots.crawl_delay_seconds))

    async def _forget_sites(self) -> None:
        for task in self._sites.values():
            task.cancel()
        await asyncio.gather(*self._sites.values(), return_exceptions=True)
