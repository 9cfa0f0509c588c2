"""What an execution has done so far, and what callers are shown of it.

While it runs in this process a `Tally` follows what the journal commits; it is seeded from the rows it sums, and the
rows are summed again in the transaction that ends the execution.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from penstock.clock import iso
from penstock.executions.budget import Ledger
from penstock.executions.estimate import Pace
from penstock.executions.journal import ItemRecord, StepRecord
from penstock.executions.model import Budget, Counts, Execution, Status
from penstock.executions.paths import is_element
from penstock.models.usage import NOTHING, Amounts, Usage, ecu_from_micros, usd_from_nanos
from penstock.storage.items import counts_of
from penstock.types import JsonObject


@dataclass(slots=True)
class Tally:
    """Live counters of one execution in the process that runs it. Only committed rows are counted as done."""

    planned: int = 0
    """Top-level items seen so far, or all of them where the total is known."""
    nested: int = 0
    """Elements that splitters have made so far."""
    running: int = 0
    recorded: Counter[str] = field(default_factory=Counter)
    usage: Usage = field(default_factory=Usage)
    seq: int = 0
    steps_done: int = 0
    nodes: Counter[str] = field(default_factory=Counter)
    elements_done: int = 0
    started: dict[str, int] = field(default_factory=dict)
    """When each item that is under way was begun."""
    items_pace: Pace = field(default_factory=Pace)
    elements_pace: Pace = field(default_factory=Pace)

    @property
    def total(self) -> int:
        return self.planned + self.nested

    def committed(self, steps: list[StepRecord], items: list[ItemRecord], seq: int) -> None:
        """Count what has just been written."""
        self.seq = seq
        self.steps_done += len(steps)
        for step in steps:
            self.usage.add(step.usage)
        for item in items:
            self.recorded[item.status] += 1
            if is_element(item.path):
                self.elements_done += 1
                self.elements_pace.finished(item.finished_at - item.started_at)
            else:
                self.items_pace.finished(item.finished_at - item.started_at)

    def counts(self) -> Counts:
        return counts_of(self.recorded, total=self.total, running=self.running, ended=False)

    def busiest_node(self) -> str | None:
        """The node that most running items are in."""
        return max(self.nodes, key=self.nodes.__getitem__) if self.nodes else None

    def enter(self, node: str) -> None:
        self.nodes[node] += 1

    def leave(self, node: str) -> None:
        self.nodes[node] -= 1
        if self.nodes[node] <= 0:
            del self.nodes[node]

    def begin(self, path: str, started_at: int) -> None:
        """An item is under way."""
        self.running += 1
        self.started[path] = started_at

    def end(self, path: str) -> None:
        """It is no more."""
        self.running -= 1
        del self.started[path]

    def eta_seconds(self, now: int) -> tuple[float, float] | None:
        """Median and 90th percentile of the time left; None while too little is known, or when nothing is left.

        What is counted are the top-level items, whatever splitters make of them; or the elements, where so few items
        are split into so many that none has been finished yet.
        """
        processed = self.counts().processed
        left, pace, elements = self.planned - (processed - self.elements_done), self.items_pace, False
        if len(pace.durations) < 2 and self.nested:
            left, pace, elements = self.nested - self.elements_done, self.elements_pace, True
        ages = [max(0, now - at) for path, at in self.started.items() if is_element(path) == elements]
        estimate = pace.left_ms(max(0, left - len(ages)), ages)
        return None if estimate is None else (estimate[0] / 1000, estimate[1] / 1000)


def summary_of(recorded: dict[str, int], usage: Usage, total: int) -> JsonObject:
    """What is stored with an execution that is over."""
    counts = counts_of(recorded, total=total, running=0, ended=True)
    return {"counts": _counts_body(counts), "usage": usage_body(usage), "total": total}


def usage_body(usage: Usage) -> JsonObject:
    """Tokens and cost as callers see them; `unpricedCalls` above 0 makes the cost a lower bound."""
    return {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "cachedTokens": usage.cached_tokens,
        "modelCalls": usage.model_calls,
        "costUsd": usd_from_nanos(usage.cost_nanos),
        "unpricedCalls": usage.unpriced_calls,
        "ecu": ecu_from_micros(usage.ecu_micros),
    }


def _budget_body(limit: Budget, usage: Any, held: Amounts, lost: Amounts) -> JsonObject:
    """The budget, and what of it is gone: spent by answered calls, reserved by those in flight, and unaccounted: of
    calls whose end nobody learnt, which may have been billed."""
    return {
        "usd": None if limit.nanos is None else usd_from_nanos(limit.nanos),
        "tokens": limit.tokens,
        "ecu": None if limit.ecu_micros is None else ecu_from_micros(limit.ecu_micros),
        "spent": {
            "usd": usage["costUsd"],
            "tokens": usage["inputTokens"] + usage["outputTokens"],
            "ecu": usage["ecu"],
        },
        "reserved": _amounts_body(held),
        "unaccounted": _amounts_body(lost),
    }


def _amounts_body(amounts: Amounts) -> JsonObject:
    return {
        "usd": usd_from_nanos(amounts.nanos),
        "tokens": amounts.tokens,
        "ecu": ecu_from_micros(amounts.ecu_micros),
    }


def _counts_body(counts: Counts) -> JsonObject:
    return {
        "pending": counts.pending,
        "running": counts.running,
        "succeeded": counts.succeeded,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "cancelled": counts.cancelled,
    }


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An execution together with its counters, live or summed."""

    execution: Execution
    counts: JsonObject
    usage: JsonObject
    total: int | None
    seq: int
    current_node: str | None
    percent: int
    eta: tuple[float, float] | None
    held: Amounts
    lost: Amounts


def ended_snapshot(execution: Execution) -> Snapshot:
    """Of an execution that is over: its summary."""
    summary: Any = execution.summary or summary_of({}, Usage(), execution.total_items or 0)
    counts = summary["counts"]
    total = summary["total"]
    done = counts["succeeded"] + counts["failed"] + counts["skipped"]
    percent = 100 if execution.status == Status.COMPLETED else min(99, _percent(done, total))
    usage, held, lost = summary["usage"], execution.held, execution.lost
    return Snapshot(execution, counts, usage, total, execution.seq, None, percent, None, held, lost)


def live_snapshot(execution: Execution, tally: Tally, ledger: Ledger | None, steps_per_item: int, now: int) -> Snapshot:
    """Of one that runs in this process."""
    counts = tally.counts()
    if tally.total == 1 and not counts.processed:
        percent = _percent(tally.steps_done, steps_per_item)
    else:
        percent = _percent(counts.processed, tally.total)
    return Snapshot(
        execution,
        _counts_body(counts),
        usage_body(tally.usage),
        tally.total,
        max(tally.seq, execution.seq),
        tally.busiest_node(),
        min(99, percent),
        tally.eta_seconds(now),
        held=NOTHING if ledger is None else ledger.held,
        lost=NOTHING if ledger is None else ledger.lost,
    )


def waiting_snapshot(execution: Execution, recorded: dict[str, int], nested: int, usage: Usage) -> Snapshot:
    """Of one that nobody runs here: it waits, or another process runs it."""
    total = None if execution.total_items is None else execution.total_items + nested
    counts = counts_of(recorded, total=total or sum(recorded.values()), running=0, ended=False)
    percent = min(99, _percent(counts.processed, total or 0))
    shown = _counts_body(counts), usage_body(usage)
    held, lost = execution.held, execution.lost
    return Snapshot(execution, *shown, total, execution.seq, None, percent, None, held, lost)


def progress_body(snapshot: Snapshot, now: int) -> dict[str, Any]:
    """The progress body of the HTTP face; its field names are fixed."""
    execution = snapshot.execution
    counts: Any = snapshot.counts
    eta, budget = snapshot.eta, execution.options.budget
    return {
        "executionId": execution.id,
        "kind": execution.kind,
        "flowId": execution.subject_id,
        "flowName": execution.subject_name,
        "flowVersion": execution.subject_version,
        "status": execution.status.value,
        "progress": snapshot.percent,
        "currentNode": snapshot.current_node,
        "itemsProcessed": counts["succeeded"] + counts["failed"] + counts["skipped"],
        "totalItems": snapshot.total,
        "elapsedTime": short_duration(execution.elapsed_ms(now) / 1000),
        "elapsedMs": execution.elapsed_ms(now),
        "estimatedRemaining": None if eta is None else short_duration(eta[0]),
        "counts": counts,
        "partial": bool(counts["failed"] or (execution.status == Status.COMPLETED and counts["cancelled"])),
        "seq": snapshot.seq,
        "eta": None if eta is None else {"secondsP50": round(eta[0], 1), "secondsP90": round(eta[1], 1)},
        "usage": snapshot.usage,
        "generation": execution.generation,
        "createdAt": iso(execution.created_at),
        "startedAt": None if execution.started_at is None else iso(execution.started_at),
        "finishedAt": None if execution.finished_at is None else iso(execution.finished_at),
        "deadlineAt": iso(execution.deadline_at),
        "cancelRequestedAt": None if execution.cancel_requested_at is None else iso(execution.cancel_requested_at),
        "pauseRequestedAt": None if execution.pause_requested_at is None else iso(execution.pause_requested_at),
        "pausedAt": None if execution.paused_at is None else iso(execution.paused_at),
        "pauseReason": execution.pause_reason,
        "budget": None if budget is None else _budget_body(budget, snapshot.usage, snapshot.held, snapshot.lost),
        "queue": None,
        "cancelReceipt": execution.cancel_receipt,
        "metadata": execution.metadata,
        "results": None,
        "error": execution.error,
    }


def short_duration(seconds: float) -> str:
    """`45s`, `3m 20s`, `2h 5m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    return f"{whole // 3600}h {whole % 3600 // 60}m"


def _percent(done: int, total: int) -> int:
    return 0 if total <= 0 else max(0, min(100, done * 100 // total))
