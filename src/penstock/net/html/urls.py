"""Addresses of pages: absolute, and the same page always written the same way."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from penstock.net.client import MAX_URL_CHARS


def normal_url(text: str, base: str | None = None) -> str | None:
    """The absolute http(s) URL without its fragment: scheme and host in lower case, default port and dot segments
    gone, a path always. None for anything that is no such URL (`mailto:`, `javascript:`, what cannot be read)."""
    from yarl import URL

    text = text.strip()
    if not text or len(text) > MAX_URL_CHARS:
        return None
    try:
        url = URL(text)
        if base is not None:
            url = URL(base).join(url)
        if url.scheme not in ("http", "https") or not url.host or url.raw_user or url.raw_password:
            return None
        return f"{url.origin()}{url.raw_path_qs}"
    except ValueError:
        return None


def normal_urls(texts: Iterable[str], base: str, limit: int) -> list[str]:
    """The distinct URLs among `texts` in their order, at most `limit`."""
    found: dict[str, None] = {}
    for text in texts:
        url = normal_url(text, base)
        if url is not None:
            found[url] = None
            if len(found) >= limit:
                break
    return list(found)


def site_of(url: str) -> str:
    """The host that a crawl of one domain stays on; `www.` makes no difference."""
    return (urlsplit(url).hostname or "").removeprefix("www.")


def origin_of(url: str) -> str:
    """Scheme, host and port: what a `robots.txt` speaks for."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
