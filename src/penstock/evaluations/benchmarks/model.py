"""What a benchmark is: rows with a truth, in versions that never change.

The rows of a version are a version of a data set of their own (kind `benchmark`), so importing, paging, filtering and
sampling are what data sets do. Each row is an object with exactly the members of `BenchmarkRow`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from penstock.types import Json, JsonObject, Tenant

BenchmarkKind = Literal["custom", "builtin", "imported", "smart"]
"""Uploaded; generated and part of Penstock, for every project to read; read from a file of a known benchmark by an
adapter; drafted by a model from documents."""

VersionState = Literal["ready", "draft"]
"""A draft waits to be reviewed by somebody; no evaluation runs on it."""

PUBLIC = Tenant("0" * 24, "0" * 24)
"""Whose the built-in benchmarks are. Everybody reads them, nobody has a key for it."""

MAX_ROWS = 2_000_000
MAX_SUBSETS = 1_000


class BenchmarkRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One question. `input` is a text, a list of `{role, content}`, or any JSON; `truth` what is expected.

    Rows of one `cluster` belong together (questions on one text, translations of one question), so they are not
    independent, and statistics take that into account.
    """

    id: str
    input: Any
    truth: Any = None
    subset: str | None = None
    cluster: str | None = None
    context: Any = None
    metadata: dict[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BenchmarkVersion:
    """One version: which rows, and what they are. `content_hash` is that of the rows in order."""

    benchmark_id: str
    version: int
    content_hash: str
    dataset_id: str
    dataset_version: int
    row_count: int
    subsets: tuple[str, ...]
    has_clusters: bool
    created_at: int
    state: VersionState = "ready"


@dataclass(frozen=True, slots=True)
class Details:
    """What people say of a benchmark, and what an evaluation takes from it when it says nothing itself."""

    name: str
    description: str = ""
    scorers: tuple[Json, ...] = ()
    system: str | None = None
    prompt: str | None = None
    categories: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark with its latest version. `tenant` is whose it is: the project's, or `PUBLIC`.

    `key` is its name in URLs and commands, unique within a project. `scorers` are used when an evaluation names none;
    `system` and `prompt` (templates over a row's members) likewise.
    """

    id: str
    tenant: Tenant
    key: str
    name: str
    kind: BenchmarkKind
    description: str
    latest: BenchmarkVersion
    created_at: int
    updated_at: int
    scorers: tuple[Json, ...] = ()
    system: str | None = None
    prompt: str | None = None
    categories: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    deprecated: bool = False
    settings: JsonObject = field(default_factory=dict)
    """How it was made: seed and difficulty, the adapter, the mapping of fields, documents."""

    @property
    def public(self) -> bool:
        return self.tenant == PUBLIC

    @property
    def details(self) -> Details:
        return Details(
            self.name, self.description, self.scorers, self.system, self.prompt, self.categories, self.languages
        )


@dataclass(frozen=True, slots=True)
class BenchmarkFilter:
    """Which benchmarks to list; what is None makes no difference.

    `text` is looked for in key, name and description. `key` must be the same, `ids` is a list to choose from.
    """

    kind: BenchmarkKind | None = None
    category: str | None = None
    language: str | None = None
    text: str | None = None
    key: str | None = None
    deprecated: bool | None = None
    public: bool | None = None
    ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RowChoice:
    """Which rows of a version an evaluation takes: those of some subsets, then the first or a random `count`."""

    subsets: tuple[str, ...] = ()
    count: int | None = None
    seed: int | None = None
    """With a seed the `count` rows are chosen at random, the same ones each time; without, they are the first."""
    ids: tuple[str, ...] = ()

    def as_json(self) -> JsonObject:
        given = {"subsets": list(self.subsets), "count": self.count, "seed": self.seed, "ids": list(self.ids)}
        return {name: value for name, value in given.items() if value not in (None, [])}
