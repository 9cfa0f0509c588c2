"""Images as bytes, for the protocols that take no URLs."""

from __future__ import annotations

import base64
import re

from penstock.errors import StepError
from penstock.models.wire import Image
from penstock.net.client import GuardedClient, RequestOptions

MAX_IMAGE_BYTES = 20 * 1024 * 1024
_DATA_URL = re.compile(r"data:(image/[a-zA-Z0-9.+-]+);base64,", re.ASCII)


def split_data_url(url: str) -> tuple[str, str] | None:
    """`(media type, base64 text)` of a `data:` URL, None of any other URL."""
    match = _DATA_URL.match(url)
    return (match.group(1), url[match.end() :]) if match else None


async def inline(http: GuardedClient, image: Image) -> tuple[str, str]:
    """`(media type, base64 text)`; an https image is fetched. Raises `StepError` when that fails."""
    given = split_data_url(image.url)
    if given is not None:
        return given
    response = await http.request("GET", image.url, options=RequestOptions(max_bytes=MAX_IMAGE_BYTES))
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status != 200 or not media_type.startswith("image/"):
        what = f"status {response.status}, content type {media_type or 'unknown'!r}"
        raise StepError("image_unreadable", f"{image.url!r} is no image: {what}", retryable=response.status >= 500)
    return media_type, base64.b64encode(response.body).decode()
