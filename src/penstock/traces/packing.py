"""How spans are kept as bytes: JSON, or a message as it was sent; compressed where that pays."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec

_JSON, _MESSAGE, _COMPRESSED = 1, 2, 0x80
_COMPRESS_FROM_BYTES = 1024
_encode = msgspec.json.Encoder().encode


def pack(value: Any) -> bytes:
    """Any JSON value or struct, or bytes as they are. The first byte says which, and whether it is compressed.

    Raises TypeError or RecursionError for what is no JSON.
    """
    kind, content = (_MESSAGE, value) if isinstance(value, bytes) else (_JSON, _encode(value))
    if len(content) >= _COMPRESS_FROM_BYTES:
        return bytes((kind | _COMPRESSED,)) + zlib.compress(content, 1)
    return bytes((kind,)) + content


def unpack(packed: bytes) -> tuple[bytes, bool]:
    """The bytes, and whether they are JSON."""
    content = zlib.decompress(packed[1:]) if packed[0] & _COMPRESSED else packed[1:]
    return content, packed[0] & ~_COMPRESSED == _JSON
