"""The one seam between the core and what it runs.

A kind of work (a flow run, an evaluation, an optimization) is a `Job`: it plans items, runs one item, and finishes the
result. Recovery enters with the same arguments as a first run: a job is rebuilt from the stored execution alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from penstock.executions.model import Execution, Planned
from penstock.types import Json

if TYPE_CHECKING:
    from penstock.executions.item import ItemRun


class Job(Protocol):
    """One execution's work."""

    @property
    def single(self) -> bool:
        """True when there is one item by construction, so that its output is the whole result."""
        ...

    @property
    def steps_per_item(self) -> int:
        """How many steps one item takes at most: the progress of an execution of one item."""
        ...

    def plan(self) -> AsyncIterator[list[Planned]]:
        """Pages of items, in order of their numbers, which count from 0 without a gap.

        Lazy: a page is made when it is asked for. The same execution always yields the same items.
        """
        ...

    async def run_item(self, item: ItemRun) -> Json:
        """Run one item to its output, each piece of work as `item.step(...)`. Raises `ItemFailed`."""
        ...

    async def finish(self, execution: Execution) -> Json:
        """What the execution amounts to beyond its items' outputs; None when those are the result."""
        ...


OpenJob: TypeAlias = Callable[[Execution], Awaitable[Job]]
"""Rebuilds the job of an execution; registered for each kind."""
