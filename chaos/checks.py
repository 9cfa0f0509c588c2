"""The invariants, each a function that finds what breaks it. `docs/reliability.md` says them in plain words."""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

from standardwebhooks import Webhook

from chaos import flows
from chaos.evidence import Call, Evidence, Step
from chaos.stage import TERMINAL
from penstock.executions import paths
from penstock.models.usage import nanos_from_usd, usd_from_nanos

Check = Callable[[Evidence], Iterator[str]]
_CUTS = ("cancelled", "timeout", "failed")
"""Ends that stop calls in the middle: what they cut off was in flight, and may be called again by a retry."""
OVERLAP_MS = 1000


def lost(evidence: Evidence) -> Iterator[str]:
    """1. An execution that was acknowledged is there, and once for each intention."""
    for fact in evidence.of("acknowledged"):
        if fact["execution"] not in evidence.executions:
            yield f"{fact['execution']} was acknowledged at {fact['at']} and is gone"
    tokens: dict[str, set[str]] = defaultdict(set)
    for fact in evidence.of("acknowledged"):
        tokens[fact["token"]].add(fact["execution"])
    for execution, row in evidence.executions.items():
        token = json.loads(row["metadata"] or "{}").get("token")
        if token is not None:
            tokens[token].add(execution)
    for token, executions in tokens.items():
        if len(executions) > 1:
            yield f"one request ({token}) started {len(executions)} executions: {sorted(executions)}"


def repeated(evidence: Evidence) -> Iterator[str]:
    """2. A step whose result was on disk at a kill is not called again after it."""
    works = _works(evidence)
    for number, kill in enumerate(evidence.kills, 1):
        for step in kill.recorded:
            later = [call for call in evidence.good_calls.get(step, ()) if call.number >= kill.calls]
            if later and works[step] < 2:
                yield f"{' '.join(step)} was recorded at kill {number} and called again (line {later[0].number})"
    stops = _stops(evidence)
    for step, calls in evidence.good_calls.items():
        twice = [again for first, again in pairwise(calls) if not _excused(first, again, evidence, stops)]
        if len(twice) >= max(1, works[step]):
            yield f"{' '.join(step)} was called twice with no kill in between (line {twice[-1].number})"


def _works(evidence: Evidence) -> Counter[Step]:
    """How many different pieces of work each recorded step was: what a retried element gives is a new input to what
    follows its flatten."""
    return Counter(
        Step(row["id"], paths.shown(row["path"]), row["node"])
        for row in evidence.rows(
            "select distinct e.id, s.path, s.node, s.fingerprint from steps s"
            " join executions e on e.no = s.execution_no where s.status = 'succeeded'"
        )
    )


def _stops(evidence: Evidence) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row in evidence.rows(
        "select e.id, v.at, v.data from events v join executions e on e.no = v.execution_no where v.type = 'status'"
    ):
        if json.loads(row["data"])["status"] in _CUTS:
            found[row["id"]].append(row["at"])
    return found


def _excused(first: Call, again: Call, evidence: Evidence, stops: dict[str, list[int]]) -> bool:
    # By when they came in: a busy model server may log a call that a kill has cut off after the kill was noted.
    if any(first.received_at <= kill.at <= again.received_at for kill in evidence.kills if kill.cuts):
        return True
    return any(first.received_at <= at <= again.received_at for at in stops.get(first.step.execution, ()))


def declared_repeats(evidence: Evidence) -> int:
    """4. Calls that were made again because they were in flight at a kill or a stop."""
    return sum(len(calls) - 1 for calls in evidence.good_calls.values())


def forgotten(evidence: Evidence) -> Iterator[str]:
    """3. What was recorded stays recorded."""
    if not evidence.kills:
        return
    final = {
        (row["id"], row["path"], row["node"])
        for row in evidence.rows(
            "select e.id, s.path, s.node from steps s join executions e on e.no = s.execution_no"
            " where s.status = 'succeeded'"
        )
    }
    for number, kill in enumerate(evidence.kills, 1):
        for step in kill.recorded:
            if (step.execution, paths.stored(step.path), step.node) not in final:
                yield f"{' '.join(step)} was recorded at kill {number} and is gone"


def doubled(evidence: Evidence) -> Iterator[str]:
    """3. No path of an execution, and no row of a sink, is there twice."""
    for row in evidence.rows(
        "select e.id, i.path, count(*) as n from items i join executions e on e.no = i.execution_no"
        " group by e.id, i.path having count(*) > 1"
    ):
        yield f"{row['id']} has item {row['path']} {row['n']} times"
    written = Counter(
        (data["execution"], data["path"])
        for row in evidence.rows("select data from dataset_rows where version_to is null and origin is not null")
        if "execution" in (data := json.loads(row["data"]))
    )
    for (execution, path), count in written.items():
        if count > 1:
            yield f"{execution} item {path} wrote {count} rows into its data set"


def missing(evidence: Evidence) -> Iterator[str]:
    """3. Items recorded are items planned, each of them finished, and those of plain rows with success."""
    inputs = {fact["execution"]: fact["inputs"] for fact in evidence.of("acknowledged") if "inputs" in fact}
    for row in evidence.rows(
        "select e.id, e.status, e.total_items, sum(length(i.path) = 9) as tops,"
        " sum(i.status = 'pending') as pending"
        " from executions e left join items i on i.execution_no = e.no group by e.no"
    ):
        if row["status"] not in TERMINAL:
            continue
        if row["pending"]:
            yield f"{row['id']} is {row['status']} with {row['pending']} items pending"
        planned = len(inputs[row["id"]]) if row["id"] in inputs else row["total_items"]
        if row["status"] == "completed" and (row["tops"] or 0) != planned:
            yield f"{row['id']} is completed with {row['tops']} of {planned} items"


def stuck(evidence: Evidence) -> Iterator[str]:
    """5. In the end everything is over, and nothing waited for an owner."""
    for execution, row in evidence.executions.items():
        if row["status"] not in TERMINAL:
            yield f"{execution} is still {row['status']} (lease of {row['lease_owner']})"
    for fact in evidence.of("stranded"):
        yield f"executions {fact['executions']} had no live owner for more than 60 s"


def leaked(evidence: Evidence) -> Iterator[str]:
    """6. What is over holds nothing."""
    for execution, row in evidence.executions.items():
        if row["status"] in TERMINAL and row["lease_owner"] is not None:
            yield f"{execution} is {row['status']} and still leased to {row['lease_owner']}"
        if row["status"] in TERMINAL and any(row[column] for column in _HELD):
            yield f"{execution} is {row['status']} and holds {[row[column] for column in _HELD]} of its budget"
    for fact in evidence.of("probe"):
        if fact["status"] != 200:
            yield f"after everything was over, a fresh call was answered {fact['status']}: {fact['body']}"


_HELD = ("held_nanos", "held_tokens", "held_ecu_micros")

_SUMS = """
select e.id, e.summary,
  (select coalesce(sum(s.model_calls), 0) from steps s where s.execution_no = e.no) as model_calls,
  (select coalesce(sum(s.cost_nanos), 0) from steps s where s.execution_no = e.no) as cost_nanos,
  (select coalesce(sum(s.input_tokens), 0) from steps s where s.execution_no = e.no) as input_tokens
from executions e where e.summary is not null
"""


def wrong_sums(evidence: Evidence) -> Iterator[str]:
    """7. Counters, cost and duration are the sums of the rows."""
    statuses: dict[str, Counter[str]] = defaultdict(Counter)
    for row in evidence.rows("select e.id, i.status from items i join executions e on e.no = i.execution_no"):
        statuses[row["id"]][row["status"]] += 1
    for row in evidence.rows(_SUMS):
        summary = json.loads(row["summary"])
        counts, usage = summary["counts"], summary["usage"]
        for status in ("succeeded", "failed", "skipped"):
            if counts[status] != statuses[row["id"]][status]:
                yield f"{row['id']} counts {counts[status]} {status}, its rows {statuses[row['id']][status]}"
        if sum(counts.values()) != summary["total"]:
            yield f"{row['id']} counts {sum(counts.values())} of {summary['total']} items"
        if usage["modelCalls"] != row["model_calls"] or usage["inputTokens"] != row["input_tokens"]:
            yield f"{row['id']} counts {usage['modelCalls']} calls, its steps {row['model_calls']}"
        if usage["costUsd"] != usd_from_nanos(row["cost_nanos"]):
            yield f"{row['id']} cost {usage['costUsd']}, its steps {usd_from_nanos(row['cost_nanos'])}"


def wrong_scores(evidence: Evidence) -> Iterator[str]:
    """7. What an evaluation says of its scores is what its rows add up to, and a completed one says it."""
    for row in evidence.rows(_UNSAID):
        yield f"{row['id']} is {row['status']}, and its evaluation says nothing of its scores"
    found: dict[str, dict[str, list[float]]] = {}
    said: dict[str, Any] = {}
    for row in evidence.rows(_SCORED):
        said[row["id"]] = json.loads(row["metrics"])
        of_scorers = found.setdefault(row["id"], {name: [] for name in said[row["id"]]["scores"]})
        if row["status"] == "succeeded":
            for name, outcome in json.loads(row["output"])["scores"].items():
                if outcome["status"] == "scored":
                    of_scorers[name].append(outcome["value"])
    for evaluation, of_scorers in found.items():
        for name, values in of_scorers.items():
            summary = said[evaluation]["scores"][name]
            mean = sum(values) / len(values) if values else None
            if summary["n"] != len(values) or (mean is not None and abs(summary["mean"] - mean) > 1e-9):
                yield f"{evaluation} says {name} {summary['mean']} of {summary['n']}, its rows {mean} of {len(values)}"


_UNSAID = """
select e.id, e.status from executions e left join evaluations v on v.execution_id = e.id
where e.kind = 'evaluation' and (v.id is null or e.status = 'completed'
  and (v.metrics is null or v.metrics_generation <> e.generation))
"""
_SCORED = """
select v.id, v.metrics, i.status, i.output from evaluations v join executions e on e.id = v.execution_id
join items i on i.execution_no = e.no where v.metrics is not null and v.metrics_generation = e.generation
"""


def overspent(evidence: Evidence) -> Iterator[str]:
    """10. What a provider charges for an execution, repeats included, never passes the budget of that moment."""
    calls = _calls_of_executions(evidence)
    for execution, limits in _budgets(evidence).items():
        for (since, limit), (until, _) in pairwise([*limits, (sys.maxsize, 0)]):
            spent = sum(_cost(call) for call in calls[execution] if call.billed and call.received_at < until)
            if spent > limit:
                cost, budget = usd_from_nanos(spent), usd_from_nanos(limit)
                yield f"{execution} has cost ${cost} under the budget of ${budget} that stood since {since}"


def _budgets(evidence: Evidence) -> dict[str, list[tuple[int, int]]]:
    """From when on which limit stood, in nano-dollars, for each execution that had one."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for fact in evidence.facts:
        budget = fact.get("options", {}).get("budget") if fact["kind"] == "acknowledged" else fact.get("budget")
        if budget is not None:
            found[fact["execution"]].append((fact["at"], nanos_from_usd(Decimal(budget["usd"]))))
    return found


def _cost(call: Call) -> int:
    return call.input_tokens * flows.NANOS_PER_INPUT_TOKEN + call.output_tokens * flows.NANOS_PER_OUTPUT_TOKEN


def _calls_of_executions(evidence: Evidence) -> dict[str, list[Call]]:
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        calls[call.step.execution].append(call)
    return calls


def gaps(evidence: Evidence) -> Iterator[str]:
    """8. Sequence numbers have no gap, neither in the store nor in what any reader saw."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for row in evidence.rows(
        "select execution_no, seq from items where seq is not null union all select execution_no, seq from events"
    ):
        numbers[row["execution_no"]].append(row["seq"])
    for execution, row in evidence.executions.items():
        seen = sorted(numbers[row["no"]])
        if seen != list(range(1, row["seq"] + 1)):
            yield f"{execution} has {len(seen)} events and ends at number {row['seq']}"
    for fact in evidence.of("stream"):
        if fact["seen"] != list(range(1, len(fact["seen"]) + 1)):
            yield f"a reader of {fact['execution']} saw the numbers {fact['seen']}"
        if not fact["ended"] and fact["execution"] in evidence.executions:
            yield f"a reader of {fact['execution']} never saw its end, after {len(fact['seen'])} events"


def after_stop(evidence: Evidence) -> Iterator[str]:
    """9. Once a cancel or a pause was acknowledged, no call is received until somebody retries or resumes."""
    again: dict[str, list[int]] = defaultdict(list)
    for fact in (*evidence.of("retrying"), *evidence.of("resuming")):
        again[fact["execution"]].append(fact["at"])
    calls = _calls_of_executions(evidence)
    for fact in (*evidence.of("cancelled"), *evidence.of("paused")):
        # Whoever asked to go on may have been heard before the stop was acknowledged.
        until = min((at for at in again[fact["execution"]] if at >= fact["at"] - OVERLAP_MS), default=sys.maxsize)
        for call in calls[fact["execution"]]:
            if fact["at"] < call.received_at < until:
                late = call.received_at - fact["at"]
                yield f"{' '.join(call.step)} was called {late} ms after it was {fact['kind']}"


def untold(evidence: Evidence) -> Iterator[str]:
    """Every end is told to the call's webhook, and every end and pause to the project's endpoint: under one id."""
    told: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for delivery in evidence.deliveries:
        if delivery["path"] in _HOOKS and delivery["status"] == 200:
            data = json.loads(delivery["body"])["data"]
            told[_HOOKS[delivery["path"]], data["executionId"], data["seq"]].add(delivery["id"])
    for row in evidence.rows(
        "select e.id, e.webhook_url, v.seq, v.data from events v join executions e on e.no = v.execution_no"
        " where v.type = 'status'"
    ):
        status = json.loads(row["data"])["status"]
        expected = {"endpoint"} if status == "paused" or status in TERMINAL else set()
        if status in TERMINAL and row["webhook_url"] is not None:
            expected.add("call")
        for whom in expected & _told_of(evidence):
            ids = told[whom, row["id"], row["seq"]]
            if len(ids) != 1:
                yield f"{row['id']} became {status} (event {row['seq']}); its {whom}'s webhook had {len(ids)} messages"


_HOOKS = {"/told": "endpoint", "/hook": "call", "/flaky": "call"}


def _told_of(evidence: Evidence) -> set[str]:
    return {"endpoint", "call"} if evidence.of("endpoint") else {"call"}


def unsigned(evidence: Evidence) -> Iterator[str]:
    """Every message to an endpoint carries a signature that its secret verifies."""
    secrets = {fact["project"]: Webhook(fact["secret"]) for fact in evidence.of("endpoint")}
    for delivery in evidence.deliveries:
        if delivery["path"] != "/told":
            continue
        execution = json.loads(delivery["body"])["data"]["executionId"]
        if execution in evidence.executions:
            secret, headers = secrets[evidence.executions[execution]["project_id"]], delivery["headers"]
            sent = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
            if secret.sign(delivery["id"], sent, delivery["body"]) not in headers["webhook-signature"].split():
                yield f"message {delivery['id']} of {execution} is signed {headers['webhook-signature']}"


def internal_errors(evidence: Evidence) -> Iterator[str]:
    """Nothing that happens outside may show as a fault inside."""
    for row in evidence.rows(
        "select e.id, e.error from executions e where e.error like '%internal_error%'"
        " union all select e.id, i.error from items i join executions e on e.no = i.execution_no"
        " where i.error like '%internal_error%'"
    ):
        yield f"{row['id']}: {row['error'][:300]}"


def wrong_answers(evidence: Evidence) -> Iterator[str]:
    """A caller was told what is stored."""
    finals = {fact["execution"]: fact["results"] for fact in evidence.of("results")}
    for fact in evidence.of("answer"):
        execution = fact["execution"]
        if execution in finals and finals[execution] != fact["results"]:
            yield f"{execution} was answered {fact['results']} and has {finals[execution]}"
    for fact in evidence.of("progress"):
        if fact["body"] is None:
            yield f"{fact['execution']}, which was acknowledged, was answered {fact['status']}"


def idle(evidence: Evidence) -> Iterator[str]:
    """A history in which nothing succeeded, or no kill hit work in progress, proves nothing: the harness failed."""
    if not any(calls for calls in evidence.good_calls.values()):
        yield "no step succeeded"
    if not any(kill.running for kill in evidence.kills):
        yield "no kill hit an execution that was running"
    if not any(row["status"] == "completed" for row in evidence.executions.values()):
        yield "no execution completed"


CHECKS: dict[str, Check] = {
    "lost": lost,
    "repeated": repeated,
    "forgotten": forgotten,
    "doubled": doubled,
    "missing": missing,
    "stuck": stuck,
    "leaked": leaked,
    "wrong sums": wrong_sums,
    "wrong scores": wrong_scores,
    "event gaps": gaps,
    "after a stop": after_stop,
    "overspent": overspent,
    "webhooks lost": untold,
    "webhooks unsigned": unsigned,
    "internal errors": internal_errors,
    "wrong answers": wrong_answers,
    "idle": idle,
}


def check(evidence: Evidence) -> dict[str, list[str]]:
    """What each invariant's check found; empty lists where it holds."""
    return {name: list(find(evidence)) for name, find in CHECKS.items()}
