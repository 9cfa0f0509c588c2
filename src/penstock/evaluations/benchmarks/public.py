"""The public benchmarks: one of each generator, the same ones everywhere, for every project to read."""

from __future__ import annotations

import asyncio
from hashlib import sha256

from penstock.errors import Conflict
from penstock.evaluations.benchmarks import generators, importing
from penstock.evaluations.benchmarks.generators import Recipe
from penstock.evaluations.benchmarks.model import PUBLIC, Benchmark
from penstock.storage import benchmarks
from penstock.storage.store import Store

_PAUSE_SECONDS = 0.05
_ATTEMPTS = 600
"""Longer than the lease of an import: whoever has died on it is then no hindrance."""


def public_id(key: str) -> str:
    """The id of a public benchmark: the same in every installation."""
    return sha256(f"penstock/benchmarks/{key}".encode()).hexdigest()[:24]


class PublicBenchmarks:
    """Writes the public benchmarks into a store that lacks them, the first time they are asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = asyncio.Lock()
        self._missing = list(generators.GENERATORS)

    async def ensure(self) -> None:
        """Every public benchmark is in the store, as this version of Penstock makes it.

        Two processes may do it at once: each benchmark is written by one of them, and waited for by the other.
        """
        if self._missing:
            async with self._lock:
                while self._missing:
                    await self._ensure(Recipe(self._missing[-1]))
                    self._missing.pop()

    async def _ensure(self, recipe: Recipe) -> None:
        wanted = _blank(recipe)
        for _ in range(_ATTEMPTS):
            there = await self._store.read(benchmarks.find(PUBLIC, public_id(recipe.generator)))
            if there is not None and (there.settings, there.details) == (wanted.settings, wanted.details):
                return
            try:
                if there is None:
                    await importing.create(self._store, wanted, generators.rows_of(recipe), "refuse")
                else:
                    await self._renew(there, recipe)
            except Conflict:
                await asyncio.sleep(_PAUSE_SECONDS)
        raise Conflict("benchmark_busy", f"Another process has been writing {recipe.generator!r} for too long.")

    async def _renew(self, there: Benchmark, recipe: Recipe) -> None:
        """An older Penstock made it from the same seed in another way: what it made stays, as an earlier version."""
        await importing.add_version(self._store, there, generators.rows_of(recipe), "refuse")
        await self._store.write(benchmarks.update(_blank(recipe)))


def _blank(recipe: Recipe) -> Benchmark:
    details = generators.GENERATORS[recipe.generator].details
    wanted = importing.blank(PUBLIC, recipe.generator, "builtin", details, recipe.as_json())
    return importing.with_id(wanted, public_id(recipe.generator))
