"""A small real website, served on loopback: for tests, for examples, and for trying a crawl without touching anybody.

    python -m penstock.testing.site --port 0        prints {"url": "http://127.0.0.1:40123"} and serves until stopped

    async with serve_site() as url:
        ...

The site of an invented ferry line: twelve linked pages with navigation and boilerplate, a `robots.txt` that closes
one folder, a timetable that is not HTML, a link that is broken, one that redirects, and one that leads elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from penstock.testing.site_pages import PAGES, PageText

ROBOTS = "User-agent: *\nDisallow: /staff/\n"
TIMETABLE = "from,to,departs\nOrrin,Skell,06:40\nOrrin,Skell,09:15\nSkell,Orrin,07:50\nSkell,Orrin,18:20\n"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LAYOUT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title} · Orrin Sound Ferries</title>
<meta name="description" content="{summary}">
<style>body {{ font-family: serif; max-width: 44rem; margin: auto }}</style>
<script>window.visits = (window.visits || 0) + 1;</script>
</head>
<body>
<header class="banner"><a href="/">Orrin Sound Ferries</a> <span>Crossings since 1931</span></header>
<nav class="menu"><ul>
<li><a href="/">Home</a></li><li><a href="/crossings">Crossings</a></li><li><a href="/fleet">Fleet</a></li>
<li><a href="/visit">Plan a visit</a></li><li><a href="/history">History</a></li>
</ul></nav>
<main>
<article>
<h1>{title}</h1>
{body}
</article>
</main>
<aside><h2>Notice board</h2><p>Lost property is kept at the Orrin office for six weeks.</p></aside>
<footer><p>Orrin Sound Ferries is an invention. <a href="/contact">Contact</a> <a href="/#top">Top</a></p></footer>
</body>
</html>
"""


def render_page(page: PageText) -> str:
    """A page as it is served."""
    return _LAYOUT.format(title=page.title, summary=page.summary, body=page.body)


def site_app() -> web.Application:
    """The site as an aiohttp application."""
    app = web.Application()
    for path, page in PAGES.items():
        app.router.add_get(path, _text_handler(render_page(page), "text/html"))
    app.router.add_get("/robots.txt", _text_handler(ROBOTS, "text/plain"))
    app.router.add_get("/timetable.csv", _text_handler(TIMETABLE, "text/csv"))
    app.router.add_get("/news", _moved)
    return app


@asynccontextmanager
async def serve_app(app: web.Application, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve an application inside the running loop; yields its URL, without a slash at the end."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        address = runner.addresses[0]
        yield f"http://{address[0]}:{address[1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serve_site(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve the ferry line's site inside the running loop; yields its URL, without a slash at the end."""
    async with serve_app(site_app(), host, port) as url:
        yield url


def _text_handler(text: str, content_type: str) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type=content_type, charset="utf-8")

    return handle


async def _moved(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/history")


async def _serve_until_stopped(host: str, port: int) -> None:
    async with serve_site(host, port) as url:
        print(json.dumps({"url": url}), flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serve the site from the command line until interrupted."""
    parser = argparse.ArgumentParser(description="Serve the site of an invented ferry line on loopback.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    options = parser.parse_args()
    try:
        asyncio.run(_serve_until_stopped(options.host, options.port))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
