"""The shapes of answers about executions: what `execution_answers` makes, as the API's description shows it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Status = Literal["pending", "running", "paused", "completed", "failed", "cancelled", "timeout"]


class ErrorObject(msgspec.Struct, rename="camel"):
    """Why something failed; the same everywhere."""

    code: str
    message: str
    node: str | None
    item_index: int | None
    item_path: str | None
    retryable: bool
    attempts: int
    cause: str | None


class Links(msgspec.Struct):
    """Where the parts of an execution are."""

    self: str
    events: str
    items: str
    results: str
    logs: str
    cancel: str
    pause: str
    resume: str
    retry: str


class Queue(msgspec.Struct, rename="camel"):
    """How many executions come first, and when this one starts, where that is known."""

    position: int
    estimated_start: str | None


class Handle(msgspec.Struct, rename="camel"):
    """An execution that goes on in the background."""

    execution_id: str
    status: Status
    flow_id: str
    flow_version: int | None
    links: Links
    queue: Queue


class Counts(msgspec.Struct):
    """Items by status."""

    pending: int
    running: int
    succeeded: int
    failed: int
    skipped: int
    cancelled: int


class Usage(msgspec.Struct, rename="camel"):
    """What model calls consumed. With `unpricedCalls`, the cost is a lower bound."""

    model_calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: str
    unpriced_calls: int
    ecu: str | msgspec.UnsetType = msgspec.UNSET


class Eta(msgspec.Struct):
    """Seconds that are left: the median of the estimate, and its 90th percentile."""

    seconds_p50: float = msgspec.field(name="secondsP50")
    seconds_p90: float = msgspec.field(name="secondsP90")


class BudgetAmounts(msgspec.Struct):
    """So much of each thing that a budget limits."""

    usd: str
    tokens: int
    ecu: str


class BudgetState(msgspec.Struct):
    """A budget and what of it is gone: `reserved` by calls in flight, `unaccounted` by ones whose end nobody learnt."""

    usd: str | None
    tokens: int | None
    ecu: str | None
    spent: BudgetAmounts
    reserved: BudgetAmounts
    unaccounted: BudgetAmounts


class PauseReason(msgspec.Struct):
    """Why it is paused: `requested`, or `budget_exhausted`."""

    code: str
    message: str


class CancelReceipt(msgspec.Struct, rename="camel"):
    """What a cancel did: when calls stopped, which items were finished, what was spent after it was asked for."""

    requested_at: str
    stopped_at: str
    items_finished: int
    items_dropped: int
    calls_aborted: int
    cost_after_request_usd: str


class Progress(msgspec.Struct, rename="camel"):
    """An execution and how far it is. `errors` holds the first hundred failed items' errors."""

    execution_id: str
    kind: str
    flow_id: str
    flow_name: str
    flow_version: int | None
    status: Status
    progress: int
    current_node: str | None
    items_processed: int
    total_items: int | None
    elapsed_time: str
    elapsed_ms: int
    estimated_remaining: str | None
    counts: Counts
    partial: bool
    seq: int
    eta: Eta | None
    usage: Usage
    generation: int
    created_at: str
    started_at: str | None
    finished_at: str | None
    deadline_at: str
    cancel_requested_at: str | None
    pause_requested_at: str | None
    paused_at: str | None
    pause_reason: PauseReason | None
    budget: BudgetState | None
    queue: Queue | None
    cancel_receipt: CancelReceipt | None
    metadata: dict[str, Any] | None
    links: Links
    results: Any
    error: ErrorObject | None
    errors: list[ErrorObject] | msgspec.UnsetType = msgspec.UNSET


class Cancelled(msgspec.Struct, rename="camel"):
    """An execution that was cancelled. `receipt` is null while calls are still being stopped."""

    execution_id: str
    status: Status
    receipt: CancelReceipt | None
    links: Any


class NodeTiming(msgspec.Struct, rename="camel"):
    """When and how long a node worked on an item."""

    node: str
    round: int
    status: str
    attempts: int
    started_at: str
    duration_ms: int


class Item(msgspec.Struct, rename="camel"):
    """One item. `path` is its place: `3`, or `3.7` for an element that a splitter made."""

    path: str
    status: str
    input: Any
    output: Any
    error: ErrorObject | None
    started_at: str | None
    finished_at: str | None
    nodes: list[NodeTiming]
    attempts: int
    usage: Usage


class PacePoint(msgspec.Struct, rename="camel"):
    """Items that finished within one stretch of time, which begins `at`; how long they took, as percentiles."""

    at: str
    finished: int
    failed: int
    duration_ms_p50: int | None
    duration_ms_p95: int | None


class Pace(msgspec.Struct, rename="camel"):
    """How fast items finished, in stretches of `bucketMs`; those in which none did are left out."""

    begin: str
    end: str
    bucket_ms: int
    points: list[PacePoint]


class ItemCounts(msgspec.Struct):
    """Recorded items by status."""

    pending: int
    succeeded: int
    failed: int
    skipped: int
    cancelled: int


class LogLine(msgspec.Struct, rename="camel"):
    """A node's work on an item. `input` is what the node received, where it is kept (`settings.logInputs`)."""

    seq: int
    at: str
    level: Literal["info", "warn", "error"]
    node: str
    item_path: str
    message: str
    status: str
    round: int
    duration_ms: int
    attempts: int
    input: Any
    output: Any
    error: ErrorObject | None
    usage: Usage
    detail: Any


SCHEMAS = (Handle, Progress, Cancelled, Item, ItemCounts, Pace, LogLine)
