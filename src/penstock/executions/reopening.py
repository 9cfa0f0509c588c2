"""A retry makes items pending again: a few in the transaction of the request, many in pieces.

Those of a million are not reopened while everybody else's writes wait: the request notes what is to be reopened with
the execution, and whoever runs it next does so before anything else, a thousand at a time. A crash in between changes
nothing: what is left is found by its status.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from penstock.errors import Invalid
from penstock.executions import paths
from penstock.executions.journal import LeaseLost
from penstock.executions.model import Execution, Reopening, RetryRequest
from penstock.executions.patience import patiently
from penstock.storage import executions as execution_rows
from penstock.storage import items as item_rows
from penstock.storage.executions import loads
from penstock.storage.store import Store, Transaction

AT_ONCE = 1_000

_Place = tuple[int, str]
"""Which status is being looked through, and the last path that was looked at."""


def choose(execution_no: int, wanted: RetryRequest) -> Transaction[list[str] | Reopening]:
    """The stored paths of the items that a request means, or how to find them where they may be many.

    Raises `Invalid` for what is no path.
    """
    if isinstance(wanted.items, tuple):
        return [stored_path(path) for path in wanted.items]
    reopening = Reopening(("failed",) if wanted.items == "failed" else ("failed", "cancelled"), wanted.error_codes)
    chosen: list[str] = []
    for status in reopening.statuses:
        rows = yield from item_rows.paths_with(execution_no, status, "", AT_ONCE)
        if len(rows) == AT_ONCE:
            return reopening
        chosen += [row["path"] for row in rows if _fits(row["error"], wanted.error_codes)]
    return chosen


async def reopen_rest(store: Store, execution: Execution, stopped: Callable[[], bool]) -> None:
    """Reopen what the last retry left to the owner, until it is done or `stopped`. Raises `LeaseLost`."""
    place: _Place | None = None if execution.options.reopening is None else (0, "")
    while place is not None and not stopped():
        place = await patiently(store, partial(_reopen_some, execution, place))


def _reopen_some(execution: Execution, place: _Place) -> Transaction[_Place | None]:
    if (yield from execution_rows.hold(execution.no, execution.lease_number, 0)) is None:
        raise LeaseLost
    number, after = place
    reopening = execution.options.reopening or Reopening(())
    rows = yield from item_rows.paths_with(execution.no, reopening.statuses[number], after, AT_ONCE)
    fitting = [row["path"] for row in rows if _fits(row["error"], reopening.error_codes)]
    yield from item_rows.reopen(execution.no, fitting)
    if len(rows) == AT_ONCE:
        return number, rows[-1]["path"]
    if number + 1 < len(reopening.statuses):
        return number + 1, ""
    yield from execution_rows.set_options(execution.no, msgspec.structs.replace(execution.options, reopening=None))
    return None


def stored_path(shown: str) -> str:
    """The stored form of an item's path. Raises `Invalid` when it is none."""
    try:
        return paths.stored(shown)
    except ValueError as error:
        raise Invalid("invalid_item_path", str(error)) from error


def _fits(error: str | None, codes: tuple[str, ...]) -> bool:
    return not codes or (error is not None and loads(error)["code"] in codes)
