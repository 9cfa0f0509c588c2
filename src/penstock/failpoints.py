"""Named places where a process can be made to die, so that tests can kill it at an exact moment.

`PENSTOCK_CRASH_AT=journal.in_transaction` kills the process with SIGKILL when it first comes there,
`journal.in_transaction:7` when it comes there for the seventh time. Without the variable a point costs one comparison.
"""

from __future__ import annotations

import itertools
import os
import signal

POINTS: dict[str, str] = {
    "submit.in_transaction": "an execution is written, and not yet committed",
    "submit.after_commit": "an execution is on disk, and its caller does not know yet",
    "journal.before_write": "finished steps and items are about to be written",
    "journal.in_transaction": "finished steps and items are written, and not yet committed",
    "journal.after_commit": "finished steps and items are on disk, and nobody has been told yet",
    "recovery.claimed": "an execution is taken up again, and nothing of it has been read yet",
    "recovery.seeded": "what was recorded is counted, and nothing goes on yet",
    "end.in_transaction": "the terminal status is written, and not yet committed",
    "end.after_commit": "the execution is over, and nobody has been told yet",
    "webhook.in_transaction": "the deliveries of what happened are written, and not yet committed",
    "webhook.answered": "a receiver has answered a webhook, and that is not written yet",
    "schedule.claimed": "due times of schedules are claimed, and nothing has started yet",
    "schedule.in_transaction": "a scheduled execution and its firing are written, and not yet committed",
    "schedule.started": "a scheduled execution is on disk with its firing",
}
"""Every point, and what has happened when a process comes there."""


def _armed(text: str | None) -> tuple[str, int] | None:
    """The point and how many visits it takes. Raises ValueError for one that does not exist: it would never fire."""
    if not text:
        return None
    point, _, times = text.partition(":")
    if point not in POINTS or not (times or "1").isdigit():
        raise ValueError(
            f"PENSTOCK_CRASH_AT={text!r}: give POINT or POINT:N, where POINT is one of {', '.join(POINTS)}"
        )
    return point, int(times or "1")


_ARMED = _armed(os.environ.get("PENSTOCK_CRASH_AT"))
_visits = itertools.count(1)


def reached(point: str) -> None:
    """Die here when the environment says so."""
    if _ARMED is not None and _ARMED[0] == point and next(_visits) == _ARMED[1]:
        os.kill(os.getpid(), signal.SIGKILL)
