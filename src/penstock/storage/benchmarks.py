"""Benchmarks and their versions: every statement about them. Their rows are data sets, see `storage.datasets`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.errors import Conflict, NotFound
from penstock.evaluations.benchmarks.model import PUBLIC, Benchmark, BenchmarkFilter, BenchmarkVersion
from penstock.storage import datasets
from penstock.storage.executions import dumps, loads
from penstock.storage.store import Transaction, UniqueViolation, placeholders
from penstock.types import Tenant

_SELECT = """
select b.*, v.state, v.version, v.content_hash, v.dataset_id, v.dataset_version, v.row_count, v.subsets, v.has_clusters,
       v.created_at as version_created_at
from benchmarks b join benchmark_versions v on v.benchmark_id = b.id and v.version = b.latest
"""

# An id wins over a key, a project's own benchmark over a public one of the same key.
_FIND = f"""
{_SELECT} where b.project_id in ($1, $2) and (b.id = $3 or b.key = $3)
order by case when b.id = $3 then 0 else 1 end, case when b.project_id = $1 then 0 else 1 end limit 1
"""

_INSERT = """
insert into benchmarks (id, organization_id, project_id, key, name, kind, description, scorers, system, prompt,
 categories, languages, deprecated, settings, latest, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
"""

_INSERT_VERSION = """
insert into benchmark_versions (benchmark_id, version, state, content_hash, dataset_id, dataset_version, row_count,
 subsets, has_clusters, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_UPDATE = """
update benchmarks set name = $3, description = $4, scorers = $5, system = $6, prompt = $7, categories = $8,
 languages = $9, deprecated = $10, settings = $11, updated_at = $12
where id = $1 and project_id = $2 returning id
"""

_NEW_LATEST = """
update benchmarks set latest = latest + 1, updated_at = $3 where id = $1 and project_id = $2 returning latest
"""

# Evaluations that are not over keep a benchmark, so do drafts that are being written into it.
_IN_USE = """
select id from executions where project_id = $1 and subject_id = $2 and kind in ('evaluation', 'benchmark_draft')
and status in ('pending', 'running', 'paused') limit 1
"""


def find(tenant: Tenant, id_or_key: str) -> Transaction[Benchmark | None]:
    """The project's, else the public one."""
    rows = yield _FIND, tenant.project_id, PUBLIC.project_id, id_or_key
    return _benchmark_of(rows[0]) if rows else None


def get(tenant: Tenant, id_or_key: str) -> Transaction[Benchmark]:
    """The project's, else the public one. Raises `NotFound`."""
    found = yield from find(tenant, id_or_key)
    if found is None:
        raise NotFound("benchmark_unknown", f"There is no benchmark {id_or_key!r}, neither in this project nor public.")
    return found


def page(tenant: Tenant, wanted: BenchmarkFilter, after: tuple[str, str], limit: int) -> Transaction[list[Benchmark]]:
    """Benchmarks in the order of key and id, behind such a pair."""
    where, args = _where(tenant, wanted)
    n = len(args)
    sql = (
        f"{_SELECT} where {where} and (b.key > ${n + 1} or (b.key = ${n + 1} and b.id > ${n + 2}))"
        f" order by b.key, b.id limit ${n + 3}"
    )
    rows = yield sql, *args, *after, limit
    return [_benchmark_of(row) for row in rows]


def count(tenant: Tenant, wanted: BenchmarkFilter) -> Transaction[int]:
    where, args = _where(tenant, wanted)
    rows = yield f"select count(*) as n from benchmarks b where {where}", *args
    n: int = rows[0]["n"]
    return n


def insert(benchmark: Benchmark) -> Transaction[None]:
    """Write a new benchmark with its first version. Raises `Conflict` when its key is taken."""
    try:
        yield (
            _INSERT,
            benchmark.id,
            benchmark.tenant.organization_id,
            benchmark.tenant.project_id,
            benchmark.key,
            benchmark.name,
            benchmark.kind,
            benchmark.description,
            dumps(benchmark.scorers),
            benchmark.system,
            benchmark.prompt,
            dumps(benchmark.categories),
            dumps(benchmark.languages),
            benchmark.deprecated,
            dumps(benchmark.settings),
            benchmark.latest.version,
            benchmark.created_at,
            benchmark.updated_at,
        )
    except UniqueViolation:
        raise exists(benchmark.key) from None
    yield from _insert_version(benchmark.latest)


def insert_next(tenant: Tenant, version: BenchmarkVersion) -> Transaction[int]:
    """Write a version as the benchmark's next and latest one, whatever its number says; the value is that number.

    Raises `Conflict` when the benchmark is gone.
    """
    rows = yield _NEW_LATEST, version.benchmark_id, tenant.project_id, version.created_at
    if not rows:
        raise Conflict("benchmark_gone", "The benchmark was deleted meanwhile. Nothing of this import was kept.")
    number: int = rows[0]["latest"]
    yield from _insert_version(version, number)
    return number


def update(benchmark: Benchmark) -> Transaction[bool]:
    """Write what may change of a benchmark; False when it is gone."""
    rows = yield (
        _UPDATE,
        benchmark.id,
        benchmark.tenant.project_id,
        benchmark.name,
        benchmark.description,
        dumps(benchmark.scorers),
        benchmark.system,
        benchmark.prompt,
        dumps(benchmark.categories),
        dumps(benchmark.languages),
        benchmark.deprecated,
        dumps(benchmark.settings),
        benchmark.updated_at,
    )
    return bool(rows)


def versions(tenant: Tenant, benchmark_id: str, before: int, limit: int) -> Transaction[list[BenchmarkVersion]]:
    """The versions below a number, newest first. The benchmark is the project's, or public."""
    rows = yield (
        "select v.*, v.created_at as version_created_at from benchmark_versions v join benchmarks b"
        " on b.id = v.benchmark_id where b.id = $1 and b.project_id in ($2, $3) and v.version < $4"
        " order by v.version desc limit $5",
        benchmark_id,
        tenant.project_id,
        PUBLIC.project_id,
        before,
        limit,
    )
    return [_version_of(benchmark_id, row) for row in rows]


def delete(benchmark: Benchmark) -> Transaction[None]:
    """Delete a benchmark with its versions and rows. Raises `Conflict` while a run that is not over uses it."""
    project_id = benchmark.tenant.project_id
    running = yield _IN_USE, project_id, benchmark.id
    if running:
        detail = f"Benchmark {benchmark.key!r} is in use by {running[0]['id']}. Cancel that, or wait for its end."
        raise Conflict("benchmark_in_use", detail)
    deleted = yield "delete from benchmarks where id = $1 and project_id = $2 returning id", benchmark.id, project_id
    if deleted:
        yield "delete from benchmark_versions where benchmark_id = $1", benchmark.id
        yield from datasets.hide(benchmark.tenant, benchmark.latest.dataset_id)


def exists(key: str) -> Conflict:
    return Conflict(
        "benchmark_exists", f"There is a benchmark {key!r} already. Add a version to it, or choose another key."
    )


def _insert_version(version: BenchmarkVersion, number: int | None = None) -> Transaction[None]:
    yield (
        _INSERT_VERSION,
        version.benchmark_id,
        number or version.version,
        version.state,
        version.content_hash,
        version.dataset_id,
        version.dataset_version,
        version.row_count,
        dumps(version.subsets),
        version.has_clusters,
        version.created_at,
    )


def _where(tenant: Tenant, wanted: BenchmarkFilter) -> tuple[str, list[Any]]:
    """The condition of a list, and its arguments."""
    owners = {None: (tenant, PUBLIC), True: (PUBLIC,), False: (tenant,)}[wanted.public]
    args: list[Any] = [owner.project_id for owner in owners]
    parts = [f"b.project_id in ({placeholders(len(args))})"]

    def also(condition: str, *values: Any) -> None:
        args.extend(values)
        parts.append(condition.format(n=len(args)))

    if wanted.kind is not None:
        also("b.kind = ${n}", wanted.kind)
    if wanted.key is not None:
        also("b.key = ${n}", wanted.key)
    if wanted.deprecated is not None:
        also("b.deprecated = ${n}", wanted.deprecated)
    for column, value in (("categories", wanted.category), ("languages", wanted.language)):
        if value is not None:
            also(f"lower(b.{column}) like ${{n}} escape '\\'", f"%{_pattern(dumps(value))}%")
    if wanted.text:
        found = " or ".join(f"lower(b.{column}) like ${{n}} escape '\\'" for column in ("key", "name", "description"))
        also(f"({found})", f"%{_pattern(wanted.text)}%")
    if wanted.ids is not None:
        first = len(args) + 1
        args.extend(wanted.ids)
        parts.append(f"b.id in ({placeholders(len(wanted.ids), first)})" if wanted.ids else "1 = 0")
    return " and ".join(parts), args


def _pattern(text: str) -> str:
    return text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _benchmark_of(row: Any) -> Benchmark:
    return Benchmark(
        id=row["id"],
        tenant=Tenant(row["organization_id"], row["project_id"]),
        key=row["key"],
        name=row["name"],
        kind=row["kind"],
        description=row["description"],
        latest=_version_of(row["id"], row),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        scorers=_list(row["scorers"]),
        system=row["system"],
        prompt=row["prompt"],
        categories=_list(row["categories"]),
        languages=_list(row["languages"]),
        deprecated=bool(row["deprecated"]),
        settings=_object(row["settings"]),
    )


def _version_of(benchmark_id: str, row: Any) -> BenchmarkVersion:
    return BenchmarkVersion(
        benchmark_id=benchmark_id,
        version=row["version"],
        content_hash=row["content_hash"],
        dataset_id=row["dataset_id"],
        dataset_version=row["dataset_version"],
        row_count=row["row_count"],
        subsets=_list(row["subsets"]),
        has_clusters=bool(row["has_clusters"]),
        created_at=row["version_created_at"],
        state=row["state"],
    )


def _list(text: str) -> tuple[Any, ...]:
    values: Iterable[Any] = loads(text)
    return tuple(values)


def _object(text: str) -> dict[str, Any]:
    value: Any = loads(text)
    return dict(value)
