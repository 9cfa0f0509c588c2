"""Numbered migrations: `migrations/0001_name.sql`, run in order at start, each in one transaction.

A store that a newer Penstock has migrated is refused: an older program does not know what its tables mean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from penstock.clock import now_ms
from penstock.errors import Unavailable
from penstock.storage.store import Store, Transaction

_CREATE = """
create table if not exists schema_migrations (
  version integer primary key,
  name text not null,
  applied_at bigint not null
)
"""


@dataclass(frozen=True)
class Migration:
    version: int
    name: str
    statements: tuple[str, ...]


def all_migrations() -> list[Migration]:
    """Every migration of this program, in order."""
    folder = resources.files("penstock.storage") / "migrations"
    found = []
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            number, _, name = file.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, tuple(_statements(file.read_text()))))
    return found


async def migrate(store: Store) -> int:
    """Bring a store to this program's version; returns how many migrations were run.

    Raises `Unavailable` when the store is of a newer version.
    """
    return await store.write(_migrate(all_migrations()))


def _migrate(migrations: list[Migration]) -> Transaction[int]:
    yield (_CREATE,)
    rows = yield ("select coalesce(max(version), 0) as version from schema_migrations",)
    current: int = rows[0]["version"]
    newest = migrations[-1].version
    if current > newest:
        raise Unavailable(
            "store_newer",
            f"This store has schema {current}, this Penstock knows {newest}. Upgrade Penstock, or use another folder.",
        )
    waiting = [migration for migration in migrations if migration.version > current]
    for migration in waiting:
        for statement in migration.statements:
            yield (statement,)
        yield (
            "insert into schema_migrations (version, name, applied_at) values ($1, $2, $3)",
            migration.version,
            migration.name,
            now_ms(),
        )
    return len(waiting)


def _statements(text: str) -> Iterable[str]:
    without_comments = "\n".join(line.partition("--")[0].rstrip() for line in text.splitlines())
    for statement in without_comments.split(";"):
        if statement.strip():
            yield statement.strip()
