"""What is asked often must not read what lies beside it: the plans of the queries that run per item or per look."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from penstock.executions.model import ExecutionFilter, ItemFilter, ItemStatus, Status
from penstock.judges.model import TraceEvaluationFilter
from penstock.storage import (
    execution_pages,
    executions,
    firings,
    items,
    retention,
    schedules,
    steps,
    timings,
    trace_evaluations,
    waiting,
)
from penstock.storage.store import Many
from penstock.testing.stores import open_store
from penstock.types import Tenant

TENANT = Tenant("a" * 24, "b" * 24)
PATH = "000000007"
EXECUTION: Any = SimpleNamespace(lane="batch", tenant=TENANT, no=7)

OF_ONE_ITEM = {
    "items.page": lambda: items.page(TENANT, 1, ItemFilter(), PATH, 50),
    "items.page of failed": lambda: items.page(TENANT, 1, ItemFilter((ItemStatus.FAILED,)), PATH, 50),
    "items.page of one": lambda: items.page(TENANT, 1, ItemFilter(path=PATH), "", 1),
    "items.outputs": lambda: items.outputs(TENANT, 1, PATH, 500),
    "items.elements": lambda: items.elements(1, f"{PATH}.{PATH}", f"{PATH}.{PATH}"),
    "steps.of_item": lambda: steps.of_item(1, PATH),
    "steps.log_page of an item": lambda: steps.log_page(TENANT, 1, after=0, limit=9, path=PATH),
    "timings.of_items": lambda: timings.of_items(TENANT, 1, [PATH, PATH]),
}
OF_THE_FEW = {
    "waiting.projects": (lambda: waiting.projects("batch"), "executions_waiting"),
    "waiting.oldest": (lambda: waiting.oldest("batch", "p", 10), "executions_waiting"),
    "waiting.before": (lambda: waiting.before(EXECUTION), "COVERING INDEX executions_waiting"),
    "waiting.orphans": (lambda: waiting.orphans("me", 10), "executions_running"),
    "waiting.counts": (lambda: waiting.counts("batch"), "COVERING INDEX executions_waiting"),
    "executions.to_stop": (lambda: executions.to_stop("me"), "executions_to_stop"),
    "executions.overdue": (lambda: executions.overdue(1, 100), "executions_by_deadline"),
    "schedules.due": (lambda: schedules.due(1, 100), "schedules_due"),
    "firings.undecided": (lambda: firings.undecided(0, 100), "schedule_firings_open"),
    "firings.next_in_turn": (lambda: firings.next_in_turn(100), "schedule_firings_queued"),
    "firings.page": (lambda: firings.page(TENANT, "s", 9, 100), "schedule_firings_by_due"),
    "items.drop_unfinished": (lambda: items.drop_unfinished(1, 9), "items_unusual"),
    "items.counts": (lambda: items.counts(1), "COVERING INDEX items_unusual"),
    "items.first_failed": (lambda: items.first_failed(1, 1), "items_unusual"),
    "items.paths_with": (lambda: items.paths_with(1, "failed", "", 500), "items_unusual"),
    "steps.log_page of warnings": (
        lambda: steps.log_page(TENANT, 1, after=0, limit=9, level="warn"),
        "steps_notable",
    ),
    "steps.log_page of a node": (
        lambda: steps.log_page(TENANT, 1, after=0, limit=9, node="ask"),
        "steps_by_node (execution_no=? AND node=? AND no>?)",
    ),
    "trace_evaluations.page of an execution": (
        lambda: trace_evaluations.page(TENANT, TraceEvaluationFilter(execution_id="e"), "f", 50),
        "trace_evaluations_of_execution (execution_id=? AND id<?)",
    ),
    "trace_evaluations.page": (
        lambda: trace_evaluations.page(TENANT, TraceEvaluationFilter(), "f", 50),
        "trace_evaluations_by_project (project_id=? AND id<?)",
    ),
    "trace_evaluations.page of a trace": (
        lambda: trace_evaluations.page(TENANT, TraceEvaluationFilter(trace_id="t"), None, 50),
        "trace_evaluations_by_trace (project_id=? AND trace_id=?)",
    ),
    "trace_evaluations.tally of an execution": (
        lambda: trace_evaluations.tally(TENANT, TraceEvaluationFilter(execution_id="e")),
        "trace_evaluations_by_execution (execution_id=?)",
    ),
    "retention.disown_expired": (
        lambda: retention.disown_expired("p", "flow", 1, 50),
        "executions_by_kind (project_id=? AND kind=? AND id<?)",
    ),
    "retention.disowned": (lambda: retention.disowned(50), "executions_by_kind (project_id=?)"),
    "steps.log_page of errors": (
        lambda: steps.log_page(TENANT, 1, after=0, limit=9, level="error"),
        "steps_notable",
    ),
}
LISTS = {
    "all": (ExecutionFilter(), "executions_by_project", "project_id=?"),
    "statuses": (ExecutionFilter(statuses=(Status.RUNNING, Status.FAILED)), "executions_by_status", "status=?"),
    "a subject": (ExecutionFilter(subject_id="s"), "executions_by_subject", "subject_id=?"),
    "a subject's statuses": (
        ExecutionFilter(subject_id="s", statuses=(Status.PAUSED, Status.FAILED)),
        "executions_unusual",
        "subject_id=? AND status=?",
    ),
    "a kind": (ExecutionFilter(kind="k"), "executions_by_kind", "kind=?"),
    "a time": (ExecutionFilter(created_after=1, created_before=2), "executions_by_project", "project_id=?"),
}


@pytest.fixture
async def database(tmp_path: Path) -> Any:
    store = await open_store(tmp_path / "store.db")
    await store.close()
    connection = sqlite3.connect(tmp_path / "store.db")
    yield connection
    connection.close()


def plan(database: sqlite3.Connection, transaction: Iterator[Any]) -> str:
    statement = next(transaction)
    assert not isinstance(statement, Many)
    sql, *args = statement
    named = {str(n): value for n, value in enumerate(args, 1)}
    return " | ".join(row[3] for row in database.execute(f"explain query plan {sql}", named))


@pytest.mark.parametrize("query", OF_ONE_ITEM)
def test_an_item_is_read_without_the_other_items_steps(database: sqlite3.Connection, query: str) -> None:
    found = plan(database, OF_ONE_ITEM[query]())
    assert "steps_in_order (execution_no=?)" not in found
    assert "SCAN steps" not in found


@pytest.mark.parametrize("query", OF_THE_FEW)
def test_the_few_are_found_by_an_index_of_their_own(database: sqlite3.Connection, query: str) -> None:
    transaction, index = OF_THE_FEW[query]
    assert index in plan(database, transaction())


@pytest.mark.parametrize("asked", LISTS)
def test_a_list_is_read_in_its_order_from_one_index(database: sqlite3.Connection, asked: str) -> None:
    wanted, index, conditions = LISTS[asked]
    found = plan(database, execution_pages.page(TENANT, wanted, "exec_5", 50))
    reads = [step for step in found.split(" | ") if "executions" in step]
    assert len(reads) == max(1, len(wanted.statuses))
    assert all(f"COVERING INDEX {index} (" in read and f"{conditions} AND id>? AND id<?" in read for read in reads)


def test_names_are_looked_for_in_subjects_not_in_executions(database: sqlite3.Connection) -> None:
    found = plan(database, execution_pages.page(TENANT, ExecutionFilter(text="name"), None, 50))
    assert "SCAN executions" not in found
    assert "executions_by_subject (project_id=? AND subject_id=?)" in found
