"""The checks of the chaos harness can fail: each sees a store, or a log, in which its promise was broken by hand."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from chaos.checks import CHECKS, check, declared_repeats
from chaos.evidence import Call, Evidence, Kill, Step

from penstock.executions.item import ItemRun
from penstock.executions.paths import shown
from penstock.models.usage import Usage
from penstock.testing.core import open_core
from penstock.types import Json

USAGE = Usage(model_calls=1, input_tokens=10, output_tokens=5, cost_nanos=4_500_000)


@pytest.fixture
async def evidence(tmp_path: Path) -> Evidence:
    """A sound history: two executions of three items with two steps each, and a kill in the middle of the first."""
    async with open_core(tmp_path / "penstock.db") as core:

        async def work(item: ItemRun) -> Json:
            await core.step(item, "first", lambda attempt: attempt.usage.add(USAGE))
            return await core.step(item, "second", lambda attempt: attempt.usage.add(USAGE), final=True)

        ended = [
            await core.run([{"n": n} for n in range(3)], work, metadata={"token": token}) for token in ("one", "two")
        ]
    steps = _rows(
        tmp_path, "select e.id, s.path, s.node from steps s join executions e on e.no = s.execution_no order by s.no"
    )
    calls = [_call(number, Step(row["id"], shown(row["path"]), row["node"])) for number, row in enumerate(steps)]
    kill = Kill(1004, 4, 1, "kill", "up", frozenset(call.step for call in calls[:4]))
    facts: list[dict[str, Any]] = [
        {"kind": "acknowledged", "execution": e.id, "token": token, "at": 1, "inputs": [1, 2, 3]}
        for e, token in zip(ended, ("one", "two"), strict=True)
    ]
    return Evidence(tmp_path / "penstock.db", calls, [kill], facts)


def _call(number: int, step: Step, **changed: Any) -> Call:
    call = Call(number, step, 1000 + number, 200, "answer", input_tokens=10, output_tokens=5)
    return dataclasses.replace(call, **changed)


def _rows(folder: Path, statement: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(folder / "penstock.db")) as store:
        store.row_factory = sqlite3.Row
        return store.execute(statement).fetchall()


def broken(evidence: Evidence) -> set[str]:
    return {name for name, found in check(evidence).items() if found}


def test_a_sound_history_breaks_nothing(evidence: Evidence) -> None:
    assert broken(evidence) == set()
    assert declared_repeats(evidence) == 0


@pytest.mark.parametrize(
    ("statement", "promise"),
    [
        ("delete from executions where no = 1", "lost"),
        ("delete from steps where no = 2", "forgotten"),
        ("delete from items where execution_no = 1 and path = '000000001'", "missing"),
        ("update items set status = 'pending' where execution_no = 2 and path = '000000001'", "missing"),
        ("drop index items_by_path; insert into items select * from items where execution_no = 1", "doubled"),
        ("update executions set status = 'running' where no = 2", "stuck"),
        ("update executions set lease_owner = 'me' where no = 2", "leaked"),
        ("update steps set cost_nanos = cost_nanos + 1000000 where no = 3", "wrong sums"),
        ("update items set status = 'failed' where execution_no = 1 and path = '000000002'", "wrong sums"),
        ("update executions set seq = seq + 1 where no = 1", "event gaps"),
        ("update items set seq = seq + 1 where execution_no = 2 and path = '000000002'", "event gaps"),
    ],
)
def test_a_store_in_which_a_promise_is_broken_is_seen(evidence: Evidence, statement: str, promise: str) -> None:
    with closing(sqlite3.connect(evidence.database)) as store:
        store.executescript(statement)
    assert promise in broken(evidence)


@pytest.mark.parametrize(
    ("n", "mean", "generation", "promise"),
    [
        (3, 2 / 3, 0, set()),
        (3, 1.0, 0, {"wrong scores"}),
        (2, 2 / 3, 0, {"wrong scores"}),
        (3, 2 / 3, 1, {"wrong scores"}),
    ],
)
def test_an_evaluation_that_says_what_its_rows_do_not_is_seen(
    evidence: Evidence, n: int, mean: float, generation: int, promise: set[str]
) -> None:
    metrics = json.dumps({"scores": {"exact": {"n": n, "mean": mean}}})
    with closing(sqlite3.connect(evidence.database)) as store, store:
        store.execute("update executions set kind = 'evaluation' where no = 1")
        for path, value in (("000000000", 1.0), ("000000001", 0.0), ("000000002", 1.0)):
            output = json.dumps({"row": path, "scores": {"exact": {"status": "scored", "value": value}}})
            store.execute("update items set output = ? where execution_no = 1 and path = ?", (output, path))
        store.execute(
            "insert into evaluations (id, organization_id, project_id, execution_id, variant, name, target_kind,"
            " target, benchmark_id, benchmark_key, benchmark_version, definition_hash, tags, created_at, metrics,"
            " metrics_generation) select 'one', organization_id, project_id, id, 0, 'one', 'model', 'm', 'b', 'b', 1,"
            " 'h', '[]', 0, ?, ? from executions where no = 1",
            (metrics, generation),
        )
    assert broken(evidence) == promise


def test_an_intention_that_started_two_executions_is_seen(evidence: Evidence) -> None:
    with closing(sqlite3.connect(evidence.database)) as store, store:
        store.execute("update executions set metadata = (select metadata from executions where no = 1)")
    assert "lost" in broken(evidence)


def test_a_call_for_what_was_recorded_at_a_kill_is_seen(evidence: Evidence) -> None:
    evidence.calls.append(_call(12, evidence.calls[0].step))
    assert broken(evidence) == {"repeated"}


def test_a_call_for_what_was_in_flight_at_a_kill_is_declared(evidence: Evidence) -> None:
    kill = dataclasses.replace(evidence.kills[0], recorded=frozenset(call.step for call in evidence.calls[:3]))
    evidence.kills[:] = [kill]
    evidence.calls.append(_call(12, evidence.calls[3].step))
    assert broken(evidence) == set()
    assert declared_repeats(evidence) == 1


def test_a_step_that_a_retry_gave_other_inputs_may_be_called_once_for_each(evidence: Evidence) -> None:
    with closing(sqlite3.connect(evidence.database)) as store, store:
        columns = [row[1] for row in store.execute("pragma table_info(steps)") if row[1] != "no"]
        own = {"generation": "1", "fingerprint": "'other'", "model_calls": "0", "cost_nanos": "0", "input_tokens": "0"}
        values = ", ".join(own.get(column, column) for column in columns)
        store.execute(f"insert into steps ({', '.join(columns)}) select {values} from steps where no = 1")
    evidence.calls.append(_call(12, evidence.calls[0].step))
    assert broken(evidence) == set()
    evidence.calls += [_call(number, evidence.calls[0].step) for number in (13, 14)]
    assert broken(dataclasses.replace(evidence)) == {"repeated"}


@pytest.mark.parametrize("changed", [{"way": "term"}, {"target": "server"}, {"calls": 12}])
def test_a_repeat_that_no_kill_explains_is_seen(evidence: Evidence, changed: dict[str, Any]) -> None:
    kill = dataclasses.replace(evidence.kills[0], recorded=frozenset(), **changed)
    evidence.kills[:] = [kill]
    evidence.calls.append(_call(13 if "calls" in changed else 12, evidence.calls[11].step))
    if "calls" in changed:
        evidence.calls[-1] = dataclasses.replace(evidence.calls[-1], number=11)
    assert broken(evidence) == {"repeated"}


def test_a_call_after_a_cancel_is_seen_unless_somebody_retried(evidence: Evidence) -> None:
    execution = evidence.calls[0].step.execution
    evidence.facts.append({"kind": "cancelled", "execution": execution, "at": 900})
    assert broken(evidence) == {"after a stop"}
    evidence.facts.append({"kind": "retrying", "execution": execution, "at": 950})
    assert broken(evidence) == set()


def test_an_overspend_is_seen_also_when_the_budget_was_raised_later(evidence: Evidence) -> None:
    execution = evidence.calls[0].step.execution
    cost = 6 * (10 * 150_000 + 5 * 600_000)
    fact = {"kind": "resuming", "execution": execution, "at": 0, "budget": {"usd": f"{cost / 1e9:.6f}"}}
    evidence.facts.append(fact)
    assert broken(evidence) == set()
    fact["budget"] = {"usd": f"{(cost - 1_000_000) / 1e9:.6f}"}
    assert broken(evidence) == {"overspent"}
    evidence.facts.append({**fact, "at": 2000, "budget": {"usd": "5"}})
    assert broken(evidence) == {"overspent"}


@pytest.mark.parametrize(
    "stream", [{"seen": [1, 3], "ended": True}, {"seen": [1, 2, 2]}, {"seen": [1], "ended": False}]
)
def test_a_reader_who_missed_an_event_saw_one_twice_or_waits_for_ever_is_seen(
    evidence: Evidence, stream: dict[str, Any]
) -> None:
    evidence.facts.append({"kind": "stream", "execution": evidence.calls[0].step.execution, "ended": True, **stream})
    assert broken(evidence) == {"event gaps"}


def test_an_end_that_nobody_was_told_of_is_seen(evidence: Evidence) -> None:
    with closing(sqlite3.connect(evidence.database)) as store, store:
        store.execute("update executions set webhook_url = 'http://127.0.0.1/hook' where no = 1")
        (end,) = store.execute("select max(seq) from events where execution_no = 1").fetchone()
    assert broken(evidence) == {"webhooks lost"}
    body = json.dumps({"data": {"executionId": evidence.calls[0].step.execution, "seq": end}})
    delivery = {"path": "/hook", "status": 200, "id": "msg_1", "body": body, "headers": {}}
    evidence.deliveries.append(delivery)
    assert broken(evidence) == set()
    evidence.deliveries.append({**delivery, "id": "msg_2"})
    assert broken(evidence) == {"webhooks lost"}


def test_an_answer_that_is_not_what_is_stored_is_seen(evidence: Evidence) -> None:
    execution = evidence.calls[0].step.execution
    evidence.facts.append({"kind": "answer", "execution": execution, "results": {"a": 1}})
    evidence.facts.append({"kind": "results", "execution": execution, "results": {"a": 2}})
    assert broken(evidence) == {"wrong answers"}


def test_a_history_that_proves_nothing_is_a_failure(evidence: Evidence) -> None:
    nothing_hit = dataclasses.replace(evidence, kills=[dataclasses.replace(evidence.kills[0], running=0)])
    assert broken(nothing_hit) == {"idle"}
    assert broken(dataclasses.replace(evidence, calls=[])) == {"idle"}


def test_every_check_says_which_promise_it_guards() -> None:
    assert not [name for name, find in CHECKS.items() if not find.__doc__]
