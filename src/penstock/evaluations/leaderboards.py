"""Leaderboards: for each benchmark and scorer, the newest evaluation of each model, ranked.

Only what was measured alike is ranked together: evaluations on other rows, with other settings of the scorer or other
epochs stand in a table of their own. An entry that the paired difference of its rows cannot tell from the one above it
says so, for a rank that is not there is worse than none.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.clock import now_ms
from penstock.errors import FieldError, Invalid, NotFound
from penstock.evaluations.benchmarks.model import Benchmark
from penstock.evaluations.benchmarks.service import BenchmarkService
from penstock.evaluations.definition import TASK, definition_hash, definition_of
from penstock.evaluations.model import Evaluation, EvaluationFilter
from penstock.evaluations.pairs import RowScores, paired_difference
from penstock.evaluations.service import EvaluationService
from penstock.evaluations.statistics.verdicts import verdict
from penstock.ids import new_id
from penstock.models.public import PublicModels
from penstock.storage import leaderboards as rows
from penstock.storage.leaderboards import LeaderboardFilters, LeaderboardRecord, Order, Visibility
from penstock.storage.store import Store
from penstock.types import Tenant

MAX_LEADERBOARDS = 1_000
"""In one project."""
MAX_NAME_LENGTH = 200
MAX_DESCRIPTION_LENGTH = 500
MAX_EVALUATIONS = 1_000
"""The newest so many that pass the filters are looked at."""
MAX_ENTRIES = 100
"""Of one table; the best."""
_PAGE = 200
_MOST_VERDICTS = 10_000
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class LeaderboardChange:
    """What a leaderboard is to be; None leaves a part as it is. A new one needs a `name`; its slug is made of that."""

    name: str | None = None
    slug: str | None = None
    description: str | None = None
    visibility: Visibility | None = None
    filters: LeaderboardFilters | None = None
    weight: int | None = None
    featured: bool | None = None
    image_path: str | None = None
    """An empty text takes it away."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One model's newest evaluation. `rank` is shared by equal means; the bounds are of its 95 % interval, None where
    there is none. `same_as_above`: the rows do not tell it from the entry above."""

    rank: int
    model: str
    evaluation_id: str
    mean: float
    low: float | None
    high: float | None
    scored: int
    expected: int
    same_as_above: bool
    finished_at: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """One ranking: what was measured, and the entries, the best first."""

    benchmark_id: str
    benchmark_key: str
    benchmark_version: int
    scorer: str
    rows: int
    epochs: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much a leaderboard ranks."""

    models: int
    benchmarks: int
    evaluations: int


@dataclass(frozen=True, slots=True)
class _Ranked:
    evaluation: Evaluation
    mean: float
    score: Mapping[str, Any]


class Leaderboards:
    """The leaderboards of every project. What a tenant may see: its project's, its organization's shared ones, and
    public ones; only the project that made one changes it."""

    def __init__(
        self, store: Store, evaluations: EvaluationService, benchmarks: BenchmarkService, models: PublicModels
    ) -> None:
        self._store = store
        self._evaluations = evaluations
        self._benchmarks = benchmarks
        self._models = models
        self._same: dict[tuple[str, int, str, int, str], bool] = {}

    async def create(self, tenant: Tenant, wanted: LeaderboardChange) -> LeaderboardRecord:
        """Raises `Invalid` for a wrong name or slug, `Conflict` when the slug is taken."""
        now = now_ms()
        name = wanted.name or ""
        blank = LeaderboardRecord(new_id(), tenant, name, slug_of(name), now, now)
        board = _changed(blank, wanted)
        await self._store.write(rows.insert(board, MAX_LEADERBOARDS))
        return await self.get(tenant, board.id)

    async def get(self, tenant: Tenant, id_or_slug: str) -> LeaderboardRecord:
        """Raises `NotFound` for one that is not there, or that the tenant may not see."""
        found = await self._store.read(rows.find(tenant, id_or_slug))
        if found is None:
            raise NotFound("leaderboard_unknown", f"There is no leaderboard {id_or_slug!r} that this project may see.")
        return found

    async def page(
        self, tenant: Tenant, order: Order, offset: int, limit: int, *, descending: bool | None = None
    ) -> tuple[list[LeaderboardRecord], int]:
        """Some of those the tenant may see, the project's own first, and how many there are. Unless asked otherwise the
        heaviest come first, names and times in their order."""
        down = order == "weight" if descending is None else descending
        return await self._store.read(rows.page(tenant, order, down, offset, limit))

    async def update(self, tenant: Tenant, id_or_slug: str, wanted: LeaderboardChange) -> LeaderboardRecord:
        """Raises as `create` does, and `NotFound` also for one of another project."""
        board = await self._own(tenant, id_or_slug)
        changed = replace(_changed(board, wanted), updated_at=now_ms())
        if not await self._store.write(rows.update(changed)):
            raise NotFound("leaderboard_unknown", f"The leaderboard {id_or_slug!r} was deleted meanwhile.")
        return changed

    async def delete(self, tenant: Tenant, id_or_slug: str) -> None:
        """Raises `NotFound`, also for one of another project. The evaluations stay."""
        board = await self._own(tenant, id_or_slug)
        await self._store.write(rows.delete(tenant, board.id))

    async def _own(self, tenant: Tenant, id_or_slug: str) -> LeaderboardRecord:
        board = await self.get(tenant, id_or_slug)
        if board.tenant != tenant:
            detail = f"The leaderboard {id_or_slug!r} belongs to another project, which alone may change it."
            raise NotFound("leaderboard_not_own", detail)
        return board

    async def entries(self, board: LeaderboardRecord) -> list[Table]:
        """Every table of a leaderboard, by benchmark and scorer, then the most recent first."""
        ranked: dict[tuple[str, str, str], dict[str, _Ranked]] = {}
        async for evaluation in self._evaluated(board):
            metrics: Any = await self._evaluations.metrics(evaluation)
            for scorer, score in metrics["scores"].items():
                if score["mean"] is not None:
                    key = evaluation.benchmark_key, scorer, _task(evaluation, scorer)
                    models = ranked.setdefault(key, {})
                    models.setdefault(evaluation.target, _Ranked(evaluation, score["mean"], score))
        order = sorted(ranked, key=lambda key: key[:2])
        return [await self._table(key[1], ranked[key]) for key in order]

    async def counts(self, board: LeaderboardRecord) -> Counts:
        """How many models, benchmarks and evaluations it ranks."""
        found = [evaluation async for evaluation in self._evaluated(board)]
        models = {evaluation.target for evaluation in found}
        return Counts(len(models), len({evaluation.benchmark_id for evaluation in found}), len(found))

    async def _evaluated(self, board: LeaderboardRecord) -> AsyncIterator[Evaluation]:
        """Completed evaluations of models in the board's project that pass its filters, newest first."""
        wanted = EvaluationFilter(benchmarks=board.filters.benchmarks.ids, statuses=("completed",))
        takes: dict[tuple[str, str], bool] = {}
        for offset in range(0, MAX_EVALUATIONS, _PAGE):
            page, _ = await self._evaluations.page(board.tenant, wanted, offset, _PAGE)
            for evaluation in page:
                if evaluation.target_kind != "model":
                    continue
                key = evaluation.target, evaluation.benchmark_id
                if key not in takes:
                    takes[key] = await self._takes_model(board, key[0]) and await self._takes_benchmark(board, key[1])
                if takes[key]:
                    yield evaluation
            if len(page) < _PAGE:
                return

    async def _takes_model(self, board: LeaderboardRecord, model: str) -> bool:
        wanted = board.filters.models
        if not (wanted.ids or wanted.vendors or wanted.regions):
            return True
        public = await self._models.find(model)
        if wanted.ids and not {model, *((public.id, public.key) if public else ())} & {*wanted.ids}:
            return False
        known = (public.company, public.region) if public else (None, None)
        return _overlap(wanted.vendors, known[:1]) and _overlap(wanted.regions, known[1:])

    async def _takes_benchmark(self, board: LeaderboardRecord, benchmark_id: str) -> bool:
        wanted = board.filters.benchmarks
        if not (wanted.categories or wanted.languages):
            return True
        try:
            found: Benchmark = await self._benchmarks.get(board.tenant, benchmark_id)
        except NotFound:
            return False
        return _overlap(wanted.categories, found.categories) and _overlap(wanted.languages, found.languages)

    async def _table(self, scorer: str, by_model: Mapping[str, _Ranked]) -> Table:
        ordered = sorted(by_model.values(), key=lambda one: (-one.mean, one.evaluation.id))[:MAX_ENTRIES]
        entries: list[Entry] = []
        for place, one in enumerate(ordered):
            above = ordered[place - 1] if place else None
            tied = above is not None and above.mean == one.mean
            same = above is not None and await self._is_same(above.evaluation, one.evaluation, scorer)
            entries.append(_entry(one, entries[-1].rank if tied else place + 1, same))
        first = ordered[0].evaluation
        return Table(
            benchmark_id=first.benchmark_id,
            benchmark_key=first.benchmark_key,
            benchmark_version=max(one.evaluation.benchmark_version for one in ordered),
            scorer=scorer,
            rows=first.shape.rows,
            epochs=first.shape.epochs,
            entries=tuple(entries),
        )

    async def _is_same(self, above: Evaluation, below: Evaluation, scorer: str) -> bool:
        """Whether the rows that both have leave open which is better. Kept, for neither changes any more."""
        key = above.id, above.generation, below.id, below.generation, scorer
        if key not in self._same:
            values = [await self._values(evaluation, scorer) for evaluation in (above, below)]
            if len(self._same) >= _MOST_VERDICTS:
                self._same.clear()
            self._same[key] = await asyncio.to_thread(_same, *values)
        return self._same[key]

    async def _values(self, evaluation: Evaluation, scorer: str) -> RowScores:
        _, scores = await self._evaluations.scores(evaluation.tenant, evaluation.id)
        return RowScores.of(evaluation, scores, scorer)


def slug_of(name: str) -> str:
    """A name as one segment of a URL: its letters and digits in ASCII, with dashes between."""
    return "-".join(re.findall(r"[a-z0-9]+", name.lower()))[:MAX_NAME_LENGTH].strip("-")


def _changed(board: LeaderboardRecord, wanted: LeaderboardChange) -> LeaderboardRecord:
    given = {
        "name": wanted.name,
        "slug": wanted.slug,
        "description": wanted.description,
        "visibility": wanted.visibility,
        "filters": wanted.filters,
        "weight": wanted.weight,
        "featured": wanted.featured,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if wanted.image_path is not None:
        changes["image_path"] = wanted.image_path or None
    changed = replace(board, **changes)
    if not changed.name.strip():
        raise _invalid("name", "must not be empty")
    if not _SLUG.fullmatch(changed.slug):
        reason = f"{changed.slug!r} is no slug: small letters, digits and single dashes between them; give one"
        raise _invalid("slug", reason)
    return changed


def _entry(one: _Ranked, rank: int, same: bool) -> Entry:
    score = one.score
    return Entry(
        rank=rank,
        model=one.evaluation.target,
        evaluation_id=one.evaluation.id,
        mean=one.mean,
        low=score["low"],
        high=score["high"],
        scored=score["n"],
        expected=score["expected"],
        same_as_above=same,
        finished_at=one.evaluation.finished_at,
    )


def _task(evaluation: Evaluation, scorer: str) -> str:
    """What a table's evaluations share: the task, with this one of its scorers."""
    task: Any = definition_of(evaluation.spec, evaluation.variant)[TASK]
    own = next(one for one in task["scorers"] if one["name"] == scorer)
    return definition_hash({**task, "scorers": own})


def _same(above: RowScores, below: RowScores) -> bool:
    return verdict(paired_difference(above, below)).decision == "unclear"


def _overlap(wanted: Sequence[str], found: Sequence[str | None]) -> bool:
    folded = {value.casefold() for value in found if value is not None}
    return not wanted or any(value.casefold() in folded for value in wanted)


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("leaderboard_invalid", f"{field}: {message}", errors=(FieldError(field, message),))
