"""What Penstock answers with, as typed values. Field names are the wire's, in snake_case; times are UTC.

Values made by users (results, rows, documents) are plain JSON: `dict`, `list`, `str`, numbers, `bool`, `None`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self

import msgspec

Status = Literal["pending", "running", "paused", "completed", "failed", "cancelled", "timeout"]
ItemStatus = Literal["pending", "running", "succeeded", "failed", "skipped", "cancelled"]
DatasetFormat = Literal["csv", "json", "jsonl", "parquet"]

TERMINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled", "timeout"})


class Record(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A value as the server sent it. Fields that this version does not know are left out."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """Make one from decoded JSON. Raises msgspec.ValidationError when it does not fit."""
        return msgspec.convert(value, cls)

    def to_dict(self) -> dict[str, Any]:
        """The value as plain JSON, with the wire's names."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


class Page(Record, frozen=True, kw_only=True):
    """One page of a list, and where the next one begins."""

    data: tuple[Any, ...]
    next_cursor: str | None = None


class FieldFault(Record, frozen=True, kw_only=True):
    """One fault in an input: where, what, and the line where a text has lines."""

    path: str = ""
    message: str = ""
    line: int | None = None


class ErrorObject(Record, frozen=True, kw_only=True):
    """Why an execution or an item failed; the same shape everywhere."""

    code: str = ""
    message: str = ""
    node: str | None = None
    item_index: int | None = None
    item_path: str | None = None
    retryable: bool = False
    attempts: int | None = None
    cause: Any = None


class Counts(Record, frozen=True, kw_only=True):
    """Items by status."""

    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0


class Usage(Record, frozen=True, kw_only=True):
    """What the model calls consumed. `cost_usd` is a decimal string; with `unpriced_calls` it is a lower bound."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    model_calls: int = 0
    cost_usd: str = "0.0000"
    unpriced_calls: int = 0
    ecu: str | None = None


class Eta(Record, frozen=True, kw_only=True):
    """Seconds until the end, as the median and the 90th percentile of the estimate."""

    seconds_p50: float | None = msgspec.field(default=None, name="secondsP50")
    seconds_p90: float | None = msgspec.field(default=None, name="secondsP90")


class Amounts(Record, frozen=True, kw_only=True):
    """So much of each thing that a budget limits; dollars and compute units as decimal strings."""

    usd: str | None = None
    tokens: int | None = None
    ecu: str | None = None


class BudgetState(Amounts, frozen=True, kw_only=True):
    """A budget and what of it is gone: `reserved` by calls in flight, `unaccounted` by ones whose end nobody learnt."""

    spent: Amounts = Amounts()
    reserved: Amounts = Amounts()
    unaccounted: Amounts = Amounts()


class Queue(Record, frozen=True, kw_only=True):
    """How many runs start before this one, and when it is likely to start, where that is known."""

    position: int
    estimated_start: datetime | None = None


class PauseReason(Record, frozen=True, kw_only=True):
    """Why a run is paused: `requested`, or `budget_exhausted`."""

    code: str
    message: str = ""


class Execution(Record, frozen=True, kw_only=True):
    """One run and how far it is. `progress` is a whole percent; `partial` says that some items failed.

    `results` is there when the run completed and they are at most 1 MB; else ask the handle for `results()`. `errors`
    are those of the first hundred failed items, `items("failed")` has all.
    """

    execution_id: str
    status: Status
    kind: str = "flow"
    flow_id: str | None = None
    flow_name: str | None = None
    flow_version: int | None = None
    progress: int = 0
    current_node: str | None = None
    items_processed: int = 0
    total_items: int | None = None
    elapsed_time: str | None = None
    elapsed_ms: int = 0
    estimated_remaining: str | None = None
    counts: Counts = Counts()
    partial: bool = False
    seq: int = 0
    eta: Eta | None = None
    usage: Usage = Usage()
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    deadline_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    pause_requested_at: datetime | None = None
    paused_at: datetime | None = None
    pause_reason: PauseReason | None = None
    budget: BudgetState | None = None
    queue: Queue | None = None
    cancel_receipt: dict[str, Any] | None = None
    generation: int = 0
    metadata: dict[str, Any] | None = None
    results: Any = None
    error: ErrorObject | None = None
    errors: tuple[ErrorObject, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the run is over, in whatever way."""
        return self.status in TERMINAL


class ItemCounts(Record, frozen=True, kw_only=True):
    """How many items of a run are recorded, by status."""

    pending: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0


class PacePoint(Record, frozen=True, kw_only=True):
    """Items that finished in one stretch of time, which begins `at`; percentiles of how long they took."""

    at: datetime
    finished: int
    failed: int = 0
    duration_ms_p50: int | None = None
    duration_ms_p95: int | None = None


class Pace(Record, frozen=True, kw_only=True):
    """How fast items finished, in stretches of `bucket_ms`; those in which none did are left out."""

    begin: datetime
    end: datetime
    bucket_ms: int
    points: tuple[PacePoint, ...] = ()


class Cancellation(Record, frozen=True, kw_only=True):
    """What a cancel did. The receipt is there when the last call has stopped; until then `status` is `running`."""

    execution_id: str
    status: Status
    receipt: dict[str, Any] | None = None


class NodeTiming(Record, frozen=True, kw_only=True):
    """When and how long a node worked on an item."""

    node: str
    round: int = 0
    status: str = ""
    attempts: int = 0
    started_at: datetime | None = None
    duration_ms: float = 0.0


class Item(Record, frozen=True, kw_only=True):
    """One item of a run. `path` is its place: `3`, or `3.7` for the element of a splitter."""

    path: str
    status: ItemStatus
    input: Any = None
    output: Any = None
    error: ErrorObject | None = None
    nodes: tuple[NodeTiming, ...] = ()
    attempts: int = 0
    usage: Usage = Usage()
    started_at: datetime | None = None
    finished_at: datetime | None = None


class LogEntry(Record, frozen=True, kw_only=True):
    """One line of a run's log: a node's work on an item, with its timing and what it consumed."""

    seq: int = 0
    at: datetime | None = None
    level: str = "info"
    node: str | None = None
    item_path: str | None = None
    message: str = ""
    status: str | None = None
    round: int = 0
    duration_ms: float | None = None
    attempts: int | None = None
    input: Any = None
    output: Any = None
    error: ErrorObject | None = None
    usage: Usage | None = None
    detail: Any = None


class Flow(Record, frozen=True, kw_only=True):
    """A saved flow. `version` is its latest, `deployed_version` the one that calls run.

    `document`, and `source` where it was sent as YAML, come with a single flow only.
    """

    id: str
    name: str
    version: int
    deployed_version: int | None = None
    document: dict[str, Any] | None = None
    source: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class FlowVersion(Record, frozen=True, kw_only=True):
    """One immutable version of a flow; `document` comes with a single one only."""

    version: int
    deployed: bool = False
    document: dict[str, Any] | None = None
    source: str | None = None
    created_at: datetime | None = None


class Validation(Record, frozen=True, kw_only=True):
    """Whether a flow document is fit to be saved, and every fault it has."""

    valid: bool = True
    errors: tuple[FieldFault, ...] = ()


class Column(Record, frozen=True, kw_only=True):
    """A column of a data set and the type of its values."""

    name: str
    type: str = "string"


class Dataset(Record, frozen=True, kw_only=True):
    """A data set: its columns and the number of its rows at this version."""

    id: str
    name: str
    columns: tuple[Column, ...] = ()
    version: int = 0
    row_count: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ImportReport(Record, frozen=True, kw_only=True):
    """What an import did: rows loaded, lines skipped, and the first faults by line."""

    dataset: Dataset
    rows: int = 0
    skipped: int = 0
    errors: tuple[FieldFault, ...] = ()
    error_count: int = 0


class Prompt(Record, frozen=True, kw_only=True):
    """A saved prompt at one version."""

    id: str
    name: str
    version: int
    document: dict[str, Any] | None = None
    created_at: datetime | None = None


class Schedule(Record, frozen=True, kw_only=True):
    """What is started by the clock: a flow, or judges of new traces (`judging`). `next_at` is None while it is
    disabled, `flow` when the flow is gone."""

    id: str
    name: str
    flow_id: str
    cron: str
    flow: str | None = None
    run: dict[str, Any] = {}
    judging: dict[str, Any] | None = None
    timezone: str = "UTC"
    overlap: str = "skip"
    missed: str = "once"
    catch_up_seconds: int = 0
    enabled: bool = True
    next_at: datetime | None = None
    last_fired_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class FiringReason(Record, frozen=True, kw_only=True):
    """Why a due time started nothing."""

    code: str
    message: str = ""


class Firing(Record, frozen=True, kw_only=True):
    """What came of one due time: `started`, `queued`, `skipped`, `missed`, `failed`, or `claimed` (about to start)."""

    due_at: datetime
    outcome: str
    trigger: str = "clock"
    execution_id: str | None = None
    reason: FiringReason | None = None
    decided_at: datetime | None = None


class DueTime(Record, frozen=True, kw_only=True):
    """A due time in UTC, and as the zone's clock shows it."""

    at: datetime
    local: str


class Preview(Record, frozen=True, kw_only=True):
    """The next due times of an expression."""

    due: tuple[DueTime, ...] = ()


class Model(Record, frozen=True, kw_only=True):
    """A model saved under a name of its own, as `models.create` made it. The provider's key is never sent back."""

    name: str
    provider: str
    model_name: str = ""
    id: str | None = None
    base_url: str | None = None
    key: str | None = None
    description: str | None = None
    has_api_key: bool = False
    api_key_hint: str | None = None
    max_tokens: int | None = None
    extra_payload: Mapping[str, Any] | None = None
    pricing: Mapping[str, Any] | None = None
    disabled: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ModelTest(Record, frozen=True, kw_only=True):
    """What a one-token call to a model showed."""

    ok: bool
    model: str = ""
    latency_ms: float | None = None
    error: ErrorObject | None = None


class Key(Record, frozen=True, kw_only=True):
    """An API key without its secret part."""

    id: str
    name: str
    prefix: str = ""
    scopes: tuple[str, ...] = ()
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    requests_per_minute: int | None = None


class NewKey(Key, frozen=True, kw_only=True):
    """A key that was just made. `key` is shown this once and kept nowhere."""

    key: str


class Member(Record, frozen=True, kw_only=True):
    """Somebody who may sign in with an e-mail address and a password; `scopes` are what their keys may do."""

    id: str
    email: str
    name: str = ""
    scopes: tuple[str, ...] = ()
    created_at: datetime | None = None


class EffectiveLimits(Record, frozen=True, kw_only=True):
    """The limits that hold for a project: its own, or the server's where it has none. None is no limit."""

    max_queued_executions: int | None = None
    max_running_executions: int | None = None
    max_items_in_flight: int | None = None
    requests_per_minute: int | None = None
    retention_days: int | None = None


class Named(Record, frozen=True, kw_only=True):
    """An organization or a project."""

    id: str
    name: str


class Whoami(Record, frozen=True, kw_only=True):
    """Whose the key is and what it may do, and the version of the server. The key's `scopes` have `admin` spelt out."""

    organization: Named
    project: Named
    key: Key
    version: str


class ProjectLimits(Record, frozen=True, kw_only=True):
    """What a project may have; None is as much as the server allows. `weight` is its share beside others that wait."""

    weight: float = 1.0
    max_queued_executions: int | None = None
    max_running_executions: int | None = None
    max_items_in_flight: int | None = None
    requests_per_minute: int | None = None
    retention_days: int | None = None
    effective: EffectiveLimits | None = None


class Secret(Record, frozen=True, kw_only=True):
    """The name of a secret and when it was written; its value is never sent back."""

    name: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
