"""The `Idempotency-Key` of a call, and the digest by which two requests are the same."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from penstock.errors import FieldError, Invalid
from penstock.server.auth import Call
from penstock.server.describe import header

MAX_KEY_LENGTH = 255

KEY = header(
    "Idempotency-Key",
    "For 24 hours the same key with the same body is the same execution; with another body it is refused.",
    {"type": "string", "maxLength": MAX_KEY_LENGTH},
)

_encode = msgspec.json.Encoder(order="deterministic").encode


def idempotency_key(call: Call) -> str | None:
    """The key of a call, None when it sends none. Raises `Invalid` for one that is empty or too long."""
    key = call.request.headers.get("idempotency-key")
    if key is not None and not 1 <= len(key) <= MAX_KEY_LENGTH:
        detail = f"An Idempotency-Key has 1 to {MAX_KEY_LENGTH} characters; this one has {len(key)}."
        raise Invalid("idempotency_key_invalid", detail, errors=(FieldError("Idempotency-Key", detail),))
    return key


def idempotency(call: Call, *request: Any) -> tuple[str | None, str]:
    """The key, and a digest of what is asked for; without a key, None and nothing. Raises as `idempotency_key` does."""
    key = idempotency_key(call)
    return key, "" if key is None else hashlib.sha256(_encode(request)).hexdigest()
