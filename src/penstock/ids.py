"""Identifiers: 24 hexadecimal digits, ordered by the time they were made.

12 digits of milliseconds since 1970, 12 random digits. Within one process ids are strictly increasing, also inside
one millisecond, so that "newest first" is the order of ids.
"""

from __future__ import annotations

import secrets
import threading

from penstock.clock import now_ms

EXECUTION_PREFIX = "exec_"
_RANDOM_BITS = 48
_DIGITS = 24
_lock = threading.Lock()
_last = 0


def new_id() -> str:
    """A new id, greater than every id this process has made before."""
    global _last  # noqa: PLW0603 - one clock hand for the process, under a lock
    fresh = (now_ms() << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    with _lock:
        _last = fresh if fresh > _last else _last + 1
        return f"{_last:024x}"


def new_execution_id() -> str:
    """A new execution id: `exec_` and 24 hexadecimal digits."""
    return EXECUTION_PREFIX + new_id()


def moment_of(some_id: str) -> int:
    """Milliseconds since 1970 at which an id was made; it never runs back within a process, whatever the clock does."""
    return int(some_id[-_DIGITS:], 16) >> _RANDOM_BITS


def first_id_at(moment_ms: int) -> str:
    """The smallest id that can be made in a millisecond."""
    return f"{max(0, moment_ms) << _RANDOM_BITS:0{_DIGITS}x}"


def first_execution_id_at(moment_ms: int) -> str:
    """The smallest execution id that can be made in a millisecond."""
    return EXECUTION_PREFIX + first_id_at(moment_ms)
