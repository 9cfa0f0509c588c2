"""Lists of executions: whatever is asked for, the pages together are what a look at every execution would find."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.executions.model import Execution, ExecutionFilter, Options, Status, Submission
from penstock.ids import moment_of
from penstock.storage import execution_pages, executions
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import rows_of
from penstock.testing.stores import open_store
from penstock.types import Tenant

MINE, OTHER = Tenant("a" * 24, "b" * 24), Tenant("a" * 24, "c" * 24)
AT = 1_700_000_000_000
NAMES = ("Summaries", "summary of 100%", "under_score", "translate")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await open_store(tmp_path / "store.db")
    draw = random.Random(7)
    for number in range(200):
        subject = draw.randrange(len(NAMES))
        submission = Submission(
            tenant=draw.choice((MINE, MINE, OTHER)),
            kind=draw.choice(("flow", "evaluation")),
            subject_id=f"subject{subject}",
            subject_name=NAMES[subject],
            subject_version=1,
            lane="batch",
            spec={},
            options=Options(concurrency=1),
            deadline_ms=1000,
        )
        execution_id = f"exec_{AT + number // 3:012x}{number:012x}"
        made = await store.write(executions.insert(execution_id, submission, AT))
        await store.write(rows_of("update executions set status = $2 where no = $1", made.no, draw.choice([*Status])))
    yield store
    await store.close()


FILTERS: dict[str, tuple[ExecutionFilter, Callable[[Execution], bool]]] = {
    "all": (ExecutionFilter(), lambda e: True),
    "one status": (ExecutionFilter(statuses=(Status.COMPLETED,)), lambda e: e.status == "completed"),
    "statuses": (
        ExecutionFilter(statuses=(Status.FAILED, Status.COMPLETED, Status.FAILED)),
        lambda e: e.status in ("failed", "completed"),
    ),
    "kind": (ExecutionFilter(kind="evaluation"), lambda e: e.kind == "evaluation"),
    "subject and status": (
        ExecutionFilter(subject_id="subject1", statuses=(Status.PAUSED,)),
        lambda e: e.subject_id == "subject1" and e.status == "paused",
    ),
    "after": (ExecutionFilter(created_after=AT + 20), lambda e: e.created_at > AT + 20),
    "before": (ExecutionFilter(created_before=AT + 20), lambda e: e.created_at < AT + 20),
    "part of two names": (ExecutionFilter(text="SUMMAR"), lambda e: "summar" in e.subject_name.lower()),
    "a percent sign": (ExecutionFilter(text="100%"), lambda e: "100%" in e.subject_name),
    "an underscore": (ExecutionFilter(text="r_s"), lambda e: "r_s" in e.subject_name),
    "how ids begin": (
        ExecutionFilter(text=f"{AT + 7:012X}"),
        lambda e: moment_of(e.id) == AT + 7,
    ),
    "a whole id": (
        ExecutionFilter(text=f"exec_{AT + 2:012x}{8:012x}"),
        lambda e: e.id == f"exec_{AT + 2:012x}{8:012x}",
    ),
    "none": (ExecutionFilter(text="zzz"), lambda e: False),
    "everything at once": (
        ExecutionFilter((Status.FAILED, Status.RUNNING), "flow", None, AT + 5, AT + 60, "s"),
        lambda e: (
            e.status in ("failed", "running")
            and e.kind == "flow"
            and AT + 5 < e.created_at < AT + 60
            and "s" in e.subject_name.lower()
        ),
    ),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_the_pages_together_are_what_fits(store: SqliteStore, name: str) -> None:
    wanted, fits = FILTERS[name]
    rows: list[Any] = await store.read(
        rows_of("select * from executions where project_id = $1 order by id desc", MINE.project_id)
    )
    expected = [execution.id for execution in map(executions.execution_of, rows) if fits(execution)]
    found: list[str] = []
    while page := await store.read(execution_pages.page(MINE, wanted, found[-1] if found else None, 7)):
        assert len(page) <= 7
        found += [execution.id for execution in page]
    assert found == expected
