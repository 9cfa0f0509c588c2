from __future__ import annotations

import asyncio

import pytest

from penstock.errors import StepError
from penstock.net.html import process
from penstock.net.html.process import is_tame, run
from penstock.net.html.urls import normal_url, origin_of, site_of

LINKS = {"url": "https://h.example/"}
LARGE = "<a href=/x>word</a> " * 10_000


async def test_a_page_is_read_the_same_way_here_and_apart() -> None:
    small = "<title>t</title><p>word <a href=/x>x</a>"
    assert is_tame(small)
    assert not is_tame(LARGE)
    assert (
        await run("find_links", small, LINKS)
        == await run("find_links", LARGE, LINKS)
        == {"links": ["https://h.example/x"]}
    )


async def test_an_error_of_the_task_comes_back_from_apart() -> None:
    arguments = {"url": "https://h.example/", "selector": ".none", "fields": {}, "formats": []}
    for page in ("<p>x", LARGE):
        with pytest.raises(StepError) as caught:
            await run("scrape", page, arguments)
        assert caught.value.code == "selector_unmatched"


def test_a_small_page_that_can_explode_is_not_tame() -> None:
    assert not is_tame("<p>" + "".join(f"<b id={n}>" for n in range(1000)) + "</p><p>x" * 1000)


async def test_a_page_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TIME_LIMIT_SECONDS", 1)
    with pytest.raises(StepError) as caught:
        await run("find_links", "<ul><li>" * 100_000, LINKS)
    assert caught.value.code == "html_too_complex"


async def test_a_cancelled_reading_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[asyncio.subprocess.Process] = []
    create = asyncio.create_subprocess_exec

    async def remember(*args: str, **kwargs: object) -> asyncio.subprocess.Process:
        started.append(await create(*args, **kwargs))  # type: ignore[arg-type]
        begun.set()
        return started[0]

    begun = asyncio.Event()
    monkeypatch.setattr(process.asyncio, "create_subprocess_exec", remember)
    task = asyncio.create_task(run("find_links", "<ul><li>" * 100_000, LINKS))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert started[0].returncode is not None


async def test_a_page_beyond_all_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MAX_PAGE_CHARS", 10)
    with pytest.raises(StepError) as caught:
        await run("find_links", "<p>0123456789", LINKS)
    assert caught.value.code == "html_too_large"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("HTTP://Example.COM:80", "http://example.com/"),
        ("https://example.com:443/a/../b/./c?x=1#f", "https://example.com/b/c?x=1"),
        ("http://example.com?q", "http://example.com/?q"),
        ("../x", "https://base.example/x"),
        ("//other.example/y", "https://other.example/y"),
        ("mailto:a@b", None),
        ("javascript:alert(1)", None),
        ("http://user:pass@example.com/", None),
        ("http://[::1", None),
        ("http://example.com:99999/", None),
        ("", None),
        ("x" * 9000, None),
    ],
)
def test_urls_are_made_normal(text: str, expected: str | None) -> None:
    assert normal_url(text, "https://base.example/d/") == expected


def test_a_site_is_a_host_and_an_origin_more() -> None:
    assert site_of("https://www.example.com:8443/x") == site_of("http://example.com") == "example.com"
    assert origin_of("https://example.com:8443/x?y") == "https://example.com:8443"
