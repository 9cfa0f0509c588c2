"""What an execution is: its statuses and their transitions, its options, its error object, its counters."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import msgspec

from penstock.errors import Conflict
from penstock.models.usage import NOTHING, Amounts
from penstock.queue.local import Lane
from penstock.redaction import Redaction
from penstock.types import Json, JsonObject, Tenant


class Status(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"

    @property
    def terminal(self) -> bool:
        return self in TERMINAL


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMEOUT})

TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.RUNNING, Status.PAUSED, Status.CANCELLED, Status.TIMEOUT}),
    Status.RUNNING: frozenset({Status.PAUSED, *TERMINAL}),
    # While it is paused its deadline stands still; resumed, it waits for a place again.
    Status.PAUSED: frozenset({Status.PENDING, Status.CANCELLED}),
    # A terminal status never changes again, except that a retry reopens the same execution.
    Status.COMPLETED: frozenset({Status.PENDING}),
    Status.FAILED: frozenset({Status.PENDING}),
    Status.CANCELLED: frozenset({Status.PENDING}),
    Status.TIMEOUT: frozenset({Status.PENDING}),
}


def sources_of(target: Status) -> tuple[Status, ...]:
    """The statuses from which `target` may be reached."""
    return tuple(status for status, targets in TRANSITIONS.items() if target in targets)


class ItemStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


class ErrorInfo(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The error object, everywhere the same."""

    code: str
    message: str
    node: str | None = None
    item_index: int | None = None
    item_path: str | None = None
    retryable: bool = False
    attempts: int = 0
    cause: str | None = None


class MaxFailed(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Stop when more than this many items failed: a number, or a share of all such as `5%`."""

    max_failed: int | str


ErrorPolicy = Literal["continue", "failFast"] | MaxFailed


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What an execution may consume in all, retries included; None does not limit that."""

    nanos: int | None = None
    tokens: int | None = None
    ecu_micros: int | None = None


class Reason(msgspec.Struct, frozen=True):
    """Why an execution is paused: a stable word, and a sentence."""

    code: str
    message: str


class Reopening(msgspec.Struct, frozen=True, rename="camel"):
    """Items that are to be made pending before anything runs: of these statuses; failed ones with these codes only."""

    statuses: tuple[str, ...]
    error_codes: tuple[str, ...] = ()


LogInputs = Literal["first", "all", "none"]
"""Of which items the log keeps what nodes received: the first hundred and what failed, all, or none."""


class Options(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """How one execution is to be run."""

    concurrency: int
    on_item_error: ErrorPolicy = "continue"
    chosen_only: bool = False
    """A retry of chosen items: those that were never begun stay as they are."""
    reopening: Reopening | None = None
    """What a retry of many items leaves to its next owner."""
    budget: Budget | None = None
    log_inputs: LogInputs = "first"
    redact: Redaction | None = None
    """What the flow does not want shown in logs and callbacks."""

    def failures_allowed(self, total: int | None) -> int | None:
        """How many items may fail before the execution does; None: any number."""
        policy = self.on_item_error
        if policy == "continue":
            return None
        if isinstance(policy, MaxFailed):
            return _failures_of(policy.max_failed, total)
        return 0


def _failures_of(limit: int | str, total: int | None) -> int | None:
    if isinstance(limit, int):
        return limit
    if total is None:
        return None
    return int(total * float(limit.removesuffix("%")) / 100)


@dataclass(frozen=True, slots=True)
class Counts:
    """Items by status. Every item counts: rows, and the elements that splitters make of them."""

    pending: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    skipped: int = 0
    cancelled: int = 0

    @property
    def processed(self) -> int:
        return self.succeeded + self.failed + self.skipped


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution as it is stored. Times in milliseconds since 1970."""

    no: int
    id: str
    tenant: Tenant
    kind: str
    subject_id: str
    subject_name: str
    subject_version: int | None
    lane: Lane
    status: Status
    spec: JsonObject
    options: Options
    metadata: JsonObject | None
    total_items: int | None
    generation: int
    seq: int
    created_at: int
    started_at: int | None
    period_started_at: int | None
    prior_elapsed_ms: int
    finished_at: int | None
    deadline_at: int
    deadline_ms: int
    cancel_requested_at: int | None
    cancel_receipt: JsonObject | None
    summary: JsonObject | None
    results: Json
    error: ErrorInfo | None
    lease_owner: str | None
    lease_number: int
    webhook_url: str | None = None
    pause_requested_at: int | None = None
    paused_at: int | None = None
    pause_reason: Reason | None = None
    held: Amounts = NOTHING
    """Worst cases of its calls in flight, where a budget limits it."""
    lost: Amounts = NOTHING
    """Worst cases of its calls whose end nobody learnt; a budget counts them as spent."""
    output: str | None = None
    """JSON text of its only item's output, where the process that has just run it still holds it; never stored here."""
    created_by: str | None = None
    """The id of the key that started it."""
    rates_version: int = 0
    """Of the compute units that it is counted by, also when it is retried."""
    reserved_micros: int = 0
    """Compute units it holds of its organization's balance, in millionths."""
    inputs: tuple[str, ...] | None = None
    """JSON texts of its few inputs, where the process that has just accepted them starts it; never stored here."""

    def elapsed_ms(self, now: int) -> int:
        """Running time of all generations together."""
        if self.period_started_at is None:
            return self.prior_elapsed_ms
        return self.prior_elapsed_ms + (self.finished_at or now) - self.period_started_at


Alongside = Callable[[str], Generator[Any, list[Any], None]]
"""Makes a transaction (see `storage.store`) for the id of an execution."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request to run something.

    `inputs` are the items when the caller sends them; None when the job finds them itself (a data set).
    `deadline_ms` counts from the submission. `alongside` is given the execution's id and is written in the transaction
    that accepts it: either both are kept or neither, and what it raises refuses the submission. `most_ecu_micros` is
    the most it can take where its kind knows, in millionths of a compute unit; 0: nothing.
    """

    tenant: Tenant
    kind: str
    subject_id: str
    subject_name: str
    subject_version: int | None
    lane: Lane
    spec: JsonObject
    options: Options
    deadline_ms: int
    inputs: list[Json] | None = None
    total_items: int | None = None
    metadata: JsonObject | None = None
    idempotency_key: str | None = None
    request_hash: str = ""
    created_by: str | None = None
    webhook_url: str | None = None
    alongside: Alongside | None = None
    most_ecu_micros: int | None = None


@dataclass(frozen=True, slots=True)
class Submitted:
    """`replayed`: the idempotency key was seen before, and this is the execution it started then."""

    execution: Execution
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class RetryRequest:
    """Which items to run again: `failed`, `unfinished` (failed and never finished), or chosen paths.

    `error_codes` narrows failed items to those codes. `version` runs them with another version of the subject, and
    `spec` is then the job's description of its work with that version.
    """

    items: Literal["failed", "unfinished"] | tuple[str, ...] = "failed"
    error_codes: tuple[str, ...] = ()
    version: int | None = None
    spec: JsonObject | None = None
    idempotency_key: str | None = None
    request_hash: str = ""


@dataclass(frozen=True, slots=True)
class ResumeRequest:
    """How a paused execution goes on; None leaves that as it was. `budget` is what it may consume in all."""

    concurrency: int | None = None
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    statuses: tuple[Status, ...] = ()
    kind: str | None = None
    subject_id: str | None = None
    created_after: int | None = None
    created_before: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items: of these statuses (of any, when empty), from behind the first `skip` of them; or the one at `path`,
    in its stored form."""

    statuses: tuple[ItemStatus, ...] = ()
    skip: int = 0
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """An item as the plan yields it: its number and what it is handed."""

    ordinal: int
    input: Json
    stored: bool = False
    """The input is already kept with the item's row."""


def check_transition(current: Status, target: Status) -> None:
    """Raises `Conflict` when the table does not allow it."""
    if target not in TRANSITIONS[current]:
        raise Conflict(f"execution_{current}", f"The execution is {current}, so it cannot become {target}.")
