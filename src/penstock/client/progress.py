"""A live bar on standard error: items, per cent, time left, cost. Nothing is drawn when that is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from penstock.client.objects import Execution, Usage


@contextmanager
def progress_bar() -> Iterator[Callable[[Execution], None]]:
    """Draw each state that is told, and leave the last one standing."""
    if not sys.stderr.isatty():
        yield lambda state: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[status]}"),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[facts]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("run", total=100, status="pending", facts="")

        def draw(state: Execution) -> None:
            progress.update(task, completed=state.progress, status=state.status, facts=facts(state))

        yield draw


def facts(state: Execution) -> str:
    """`13/20 items, 1 failed, 25s left, $0.0012`"""
    parts = [f"{state.items_processed}/{'?' if state.total_items is None else state.total_items} items"]
    if state.counts.failed:
        parts.append(f"{state.counts.failed} failed")
    if state.done:
        if state.elapsed_time:
            parts.append(f"in {state.elapsed_time}")
    elif state.estimated_remaining:
        parts.append(f"{state.estimated_remaining} left")
    if state.usage.model_calls:
        parts.append(cost(state.usage))
    return ", ".join(parts)


def cost(usage: Usage) -> str:
    """`$0.0012`, or that it is not known because a call has no known price. From a cent on, four places are enough."""
    if usage.unpriced_calls:
        return "cost unknown"
    amount = Decimal(usage.cost_usd)
    return f"${amount:.4f}" if amount >= Decimal("0.01") else f"${usage.cost_usd}"
