"""Everything that is known of a run when it is over: the ledger, the calls, the deliveries, and the store itself."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from chaos.flows import JUDGED
from chaos.ledger import read_lines
from penstock.executions import paths

_PROMPT = re.compile(r"\[(\S+) (\S+) (\S+)\]")
_JUDGED = re.compile(rf"\[(\S+) {JUDGED}\] <\S+>\s*(\d+)")


class Step(NamedTuple):
    """One piece of work: the unit that is never to be paid for twice."""

    execution: str
    path: str
    node: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call that the model server answered; `number` is its line in the log, from 0."""

    number: int
    step: Step
    received_at: int
    status: int
    behaviour: str
    input_tokens: int
    output_tokens: int

    @property
    def good(self) -> bool:
        """Whether the whole answer left the server."""
        return self.status == 200 and self.behaviour == "answer"

    @property
    def billed(self) -> bool:
        """A provider charges for an answer also when the line broke on its way."""
        return self.status == 200


@dataclass(frozen=True, slots=True)
class Kill:
    """A death: when it was over, how many calls had been logged, and which steps the store held then."""

    at: int
    calls: int
    running: int
    way: str
    target: str
    recorded: frozenset[Step]

    @property
    def cuts(self) -> bool:
        """Whether it stopped calls in the middle: a SIGTERM lets them finish, and a server alone makes none."""
        return self.way != "term" and self.target != "server"


@dataclass
class Evidence:
    """The facts of one run; `rows` reads the store that it left behind."""

    database: Path
    calls: list[Call]
    kills: list[Kill]
    facts: list[dict[str, Any]]
    deliveries: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: Path) -> Evidence:
        """The evidence that a run left in its folder."""
        facts = list(read_lines(folder / "ledger.jsonl"))
        tokens = _executions_by_token(folder / "data")
        calls = [call for n, line in enumerate(read_lines(folder / "calls.jsonl")) if (call := _call(n, line, tokens))]
        kills = [_kill(folder, fact) for fact in facts if fact["kind"] == "kill"]
        deliveries = list(read_lines(folder / "hooks.jsonl"))
        return cls(folder / "data" / "penstock.db", calls, kills, facts, deliveries)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The ledger's facts of one kind, in the order they happened."""
        return [fact for fact in self.facts if fact["kind"] == kind]

    def rows(self, statement: str) -> list[sqlite3.Row]:
        """What a statement finds in the store."""
        with open_store(self.database.parent) as store:
            return store.execute(statement).fetchall()

    @cached_property
    def executions(self) -> dict[str, sqlite3.Row]:
        """Every execution in the store, by its id."""
        return {row["id"]: row for row in self.rows("select * from executions")}

    @cached_property
    def good_calls(self) -> dict[Step, list[Call]]:
        """The complete answers to each step, in order."""
        found: dict[Step, list[Call]] = defaultdict(list)
        for call in self.calls:
            if call.good:
                found[call.step].append(call)
        return found


@contextmanager
def open_store(data: Path) -> Iterator[sqlite3.Connection]:
    """A store as it lies on disk, opened so that looking leaves its log as it is for the next start."""
    store = sqlite3.connect(f"file:{quote(str(data / 'penstock.db'))}?mode=ro", uri=True, timeout=20)
    store.row_factory = sqlite3.Row
    try:
        yield store
    finally:
        store.close()


def _executions_by_token(data: Path) -> dict[str, str]:
    """A prompt of an evaluation cannot name its execution, only the token that it was asked for with."""
    with open_store(data) as store:
        rows = store.execute("select id, metadata from executions where metadata is not null").fetchall()
    return {json.loads(row["metadata"]).get("token", ""): row["id"] for row in rows}


def _call(number: int, line: dict[str, Any], tokens: dict[str, str]) -> Call | None:
    step = _step(line["prompt"])
    if step is None:
        return None
    return Call(
        number=number,
        step=step._replace(execution=tokens.get(step.execution, step.execution)),
        received_at=line["receivedAt"],
        status=line["status"],
        behaviour=line["behaviour"],
        input_tokens=line["inputTokens"],
        output_tokens=line["outputTokens"],
    )


def _step(prompt: str) -> Step | None:
    if judged := _JUDGED.match(prompt):
        return Step(judged[1], judged[2], f"score:{JUDGED}")
    named = _PROMPT.match(prompt)
    return None if named is None else Step(*named.groups())


def _kill(folder: Path, fact: dict[str, Any]) -> Kill:
    recorded = json.loads((folder / fact["recorded"]).read_text())
    steps = frozenset(Step(execution, paths.shown(path), node) for execution, path, node in recorded)
    return Kill(fact["at"], fact["calls"], fact["running"], fact["way"], fact["target"], steps)
