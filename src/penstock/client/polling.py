"""How long to wait between two looks at a run, and who is told what was seen. Both clients share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from penstock.client.calls import Call
from penstock.client.objects import Execution

_LONGEST_HOLD_SECONDS = 30.0
_LONGEST_ABSENCE_SECONDS = 300.0
"""A server that is started again, or moved, is waited for so long."""
ACCEPT = {"json": "application/json", "ndjson": "application/x-ndjson", "csv": "text/csv"}


def hold_seconds(elapsed: float, timeout: float | None, *, watched: bool) -> float:
    """How long the server may hold the next request while the run is not over.

    The end is told at once however long this is, so a wait that nobody watches uses the longest. A watched one begins
    at half a second and grows to 15 s with the age of the wait: a bar that is an hour long need not move every second.
    """
    hold = max(0.5, min(15.0, elapsed / 20)) if watched else _LONGEST_HOLD_SECONDS
    return hold if timeout is None else max(0.0, min(hold, timeout - elapsed))


def pause_seconds(hold: float, waited: float, retry_after: float | None) -> float:
    """How long to rest before the next request.

    Nothing when the server held the last one; when it answered early, what it asked for, else the rest of the hold,
    so that a server or proxy that does not hold requests is not flooded.
    """
    missing = hold - waited
    if missing <= 0.05:
        return 0.0
    return missing if retry_after is None else min(missing, max(retry_after, 0.5))


def wait_call(path: str, hold: float, left: float | None) -> Call:
    """A look at a run that may be held; `left` is how many seconds of the whole wait are left, None for no end."""
    patience = _LONGEST_ABSENCE_SECONDS if left is None else max(0.0, min(left, _LONGEST_ABSENCE_SECONDS))
    query = {"wait": f"{hold:.3g}"}
    return Call(method="GET", path=path, query=query, hold_seconds=hold, patience_seconds=patience)


def results_call(path: str, format: Literal["json", "ndjson", "csv"]) -> Call:  # noqa: A002 - the word for it
    """The results in one of the formats."""
    return Call(method="GET", path=f"{path}/results", headers={"accept": ACCEPT[format]})


@contextmanager
def listener(
    on_progress: Callable[[Execution], None] | None, show_progress: bool
) -> Iterator[Callable[[Execution], None] | None]:
    """Whom to tell of progress: the caller, a bar on the terminal, both, or nobody."""
    if not show_progress:
        yield on_progress
        return
    from penstock.client.progress import progress_bar

    with progress_bar() as draw:

        def tell(state: Execution) -> None:
            draw(state)
            if on_progress is not None:
                on_progress(state)

        yield tell
