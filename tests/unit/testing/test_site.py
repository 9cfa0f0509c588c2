"""The example site: what its pages promise each other, and starting it by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from urllib.request import urlopen

from penstock.net.html.tree import links_of, parse
from penstock.testing.site import render_page
from penstock.testing.site_pages import PAGES

BROKEN, MOVED, TABLE = "/lost-and-found", "/news", "/timetable.csv"


def test_its_pages_link_to_each_other_and_to_one_of_each_kind_of_trouble() -> None:
    linked: set[str] = set()
    for path, page in PAGES.items():
        linked |= set(links_of(parse(render_page(page)), f"http://site{path}", 1000))
    inside = {url.removeprefix("http://site") for url in linked if url.startswith("http://site")}
    assert inside == set(PAGES) | {BROKEN, MOVED, TABLE}
    assert linked - {f"http://site{path}" for path in inside} == {"https://example.com/harbour-weather"}


def test_it_runs_by_itself_and_says_where() -> None:
    command = [sys.executable, "-m", "penstock.testing.site", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with urlopen(f"{url}/fleet") as page:
                assert "Petrel" in page.read().decode()
        finally:
            process.terminate()
