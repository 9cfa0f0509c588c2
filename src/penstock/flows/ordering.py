"""Putting names that need each other in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set


def sorted_by_needs(waits: Mapping[str, Set[str]]) -> tuple[list[str], dict[str, Set[str]]]:
    """Names so that each comes behind those it waits for, stable; and those that wait in a circle, or for one."""
    order: list[str] = []
    waiting = dict(waits)
    while waiting:
        ready = next((name for name, needs in waiting.items() if not needs & waiting.keys()), None)
        if ready is None:
            break
        order.append(ready)
        del waiting[ready]
    return order, waiting


def circle_of(waiting: Mapping[str, Iterable[str]]) -> list[str]:
    """One circle among nodes of which each waits for another."""
    seen: list[str] = []
    name = next(iter(waiting))
    while name not in seen:
        seen.append(name)
        name = next(need for need in waiting[name] if need in waiting)
    return [*seen[seen.index(name) :], name]
