"""Compressed bodies are let out no further than the limit."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from penstock.errors import TooLarge
from penstock.server.routes.otlp import _unzipped

GZIP = 16 + zlib.MAX_WBITS
"""zlib's word for it."""


def test_a_bomb_is_stopped_at_the_limit_and_not_when_it_has_gone_off() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            _unzipped(bomb, 10_000, GZIP)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1_000_000
    assert _unzipped(gzip.compress(b"x" * 10_000), 10_000, GZIP) == b"x" * 10_000
