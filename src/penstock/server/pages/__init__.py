"""The pages that people read: rendered here, whole, from escaped templates.

No page takes anything from another host, and none has a script or a style of its own inside it, so the policy that is
sent with each forbids both.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from starlette.responses import Response

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer"}
_MEDIA = {".css": "text/css", ".js": "text/javascript"}


def render(template: str, context: Mapping[str, Any]) -> bytes:
    """A page as bytes. Everything in `context` is escaped; a name that the template misses is an error."""
    text: str = _environment().render_template(template, **context)
    return text.encode()


def html(page: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """The response that shows a page."""
    return Response(page, media_type="text/html", headers={**_HEADERS, **(headers or {})})


def asset(name: str) -> Response | None:
    """A file that pages refer to, None when there is none of that name."""
    body = _assets().get(name)
    if body is None:
        return None
    media = _MEDIA[name[name.rindex(".") :]]
    return Response(body, media_type=media, headers={"Cache-Control": "public, max-age=300"})


@cache
def _environment() -> Any:
    import minijinja

    folder = resources.files(__name__)
    templates = {entry.name: entry.read_text() for entry in folder.iterdir() if entry.name.endswith(".html")}
    return minijinja.Environment(
        templates=templates,
        filters={"marked": _marked},
        undefined_behavior="strict",
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _marked(text: str) -> Any:
    """Text with what stands between backticks as code, the rest escaped."""
    import minijinja

    parts = [minijinja.escape(part) for part in str(text).split("`")]
    if len(parts) % 2 == 0:
        return minijinja.Markup("`".join(parts))
    return minijinja.Markup("".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts)))


@cache
def _assets() -> Mapping[str, bytes]:
    folder = resources.files(__name__) / "static"
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(tuple(_MEDIA))}
