"""What users do, one small class each. An actor notes in the ledger what it was told, and judges nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2

from chaos import flows
from chaos.stage import TERMINAL, Stage
from chaos.watching import Watcher


class Actor(Protocol):
    """Something that a user does once."""

    async def act(self, stage: Stage) -> None:
        """Do it once. Raises TimeoutError when Penstock stays away for longer than any outage may last."""


@dataclass(frozen=True)
class StartBatch:
    """Start a run over several inputs in the background. When no answer comes, ask again with the same key."""

    async def act(self, stage: Stage) -> None:
        draw, token = stage.draw, stage.token()
        flow = draw.choice(flows.NAMES)
        inputs = [flows.a_row(flow, draw) for _ in range(draw.randint(3, 30))]
        body: dict[str, Any] = {"inputs": inputs, "metadata": {"token": token}, **self.options(stage)}
        await start(stage, flow, body, token, inputs=inputs)

    def options(self, stage: Stage) -> dict[str, Any]:
        """How this run differs from a plain one."""
        draw = stage.draw
        chosen: dict[str, Any] = {}
        if draw.random() < 0.3:
            chosen["concurrency"] = draw.randint(1, 20)
        if draw.random() < 0.1:
            chosen["onItemError"] = draw.choice(["failFast", {"maxFailed": 2}])
        if draw.random() < 0.1:
            chosen["deadlineSeconds"] = draw.choice([2, 4, 8])
        if draw.random() < 0.3:
            chosen["budget"] = {"usd": f"{draw.uniform(0.1, 1.5):.3f}"}
        if draw.random() < 0.5:
            chosen["webhook"] = stage.receiver + draw.choice(("/hook", "/flaky"))
        return chosen


async def start(stage: Stage, flow: str, body: dict[str, Any], token: str, **facts: Any) -> str | None:
    """Start a flow and note its acknowledgement; the execution, None when it was refused."""
    return await begin(stage, f"/flows/{flow}/executions", body, token, **facts)


async def begin(stage: Stage, path: str, body: dict[str, Any], token: str, **facts: Any) -> str | None:
    """The same for whatever a path starts."""
    answer = await stage.insist("POST", path, json=body, headers={"Idempotency-Key": token})
    if answer.status_code not in (200, 202):
        stage.ledger.note("refused", token=token, status=answer.status_code, body=answer.text)
        return None
    execution = str(answer.json()["executionId"])
    stage.acknowledged(execution, token, path=path, options={k: v for k, v in body.items() if k != "inputs"}, **facts)
    return execution


@dataclass(frozen=True)
class StartDataset:
    """Run a flow over the rows of a data set."""

    async def act(self, stage: Stage) -> None:
        token = stage.token()
        flow = stage.draw.choice(("chain", "branches", "sink"))
        body: dict[str, Any] = {"dataset": flows.DATASET, "metadata": {"token": token}}
        if stage.draw.random() < 0.5:
            body["selection"] = {"first": stage.draw.randint(1, flows.DATASET_ROWS)}
        await start(stage, flow, body, token)


@dataclass(frozen=True)
class StartEvaluation:
    """Evaluate the model on the benchmark; half of the times another call judges each answer."""

    async def act(self, stage: Stage) -> None:
        token = stage.token()
        body = flows.evaluation(token, judged=stage.draw.random() < 0.5)
        body |= {"metadata": {"token": token}, **StartBatch().options(stage)}
        await begin(stage, "/evaluations", body, token)


@dataclass(frozen=True)
class CallAndWait:
    """A sync call. Some callers hang up before the answer, and come back with the same key for it."""

    async def act(self, stage: Stage) -> None:
        draw, token = stage.draw, stage.token()
        flow = draw.choice(flows.NAMES)
        row = flows.a_row(flow, draw, ("plain", "plain", "stumbles", "limited", "slow"))
        headers = {"Idempotency-Key": token}
        if draw.random() < 0.4:
            await stage.ask(
                "POST", f"/flows/{flow}/execute", json=row, headers=headers, timeout=draw.uniform(0.02, 0.4)
            )
        answer = await stage.insist("POST", f"/flows/{flow}/execute", json=row, headers=headers)
        execution = answer.headers.get("execution-id")
        if execution is None:
            stage.ledger.note("refused", token=token, status=answer.status_code, body=answer.text)
            return
        stage.acknowledged(execution, token, flow=flow, inputs=[row])
        if answer.status_code == 200:
            stage.ledger.note("answer", execution=execution, results=answer.json())


@dataclass(frozen=True)
class StartUnnamed:
    """Start a run without an idempotency key: a call without an answer may have started one, or none."""

    async def act(self, stage: Stage) -> None:
        token = stage.token()
        row = flows.a_row("chain", stage.draw)
        answer = await stage.ask("POST", "/flows/chain/execute-async", json=row)
        if answer is not None and answer.status_code == 202:
            stage.acknowledged(answer.json()["executionId"], token, flow="chain", inputs=[row])


@dataclass(frozen=True)
class Cancel:
    """Stop one of the latest executions; sometimes twice."""

    async def act(self, stage: Stage) -> None:
        execution = stage.some_execution()
        if execution is None:
            return
        for _ in range(stage.draw.choice((1, 1, 2))):
            answer = await stage.ask("POST", f"/executions/{execution}/cancel")
            if answer is not None and answer.status_code in (200, 202):
                stage.ledger.note("cancelled", execution=execution, status=answer.status_code)


@dataclass(frozen=True)
class Pause:
    """Set one of the latest executions aside."""

    async def act(self, stage: Stage) -> None:
        execution = stage.some_execution()
        if execution is None:
            return
        answer = await stage.ask("POST", f"/executions/{execution}/pause")
        if answer is not None and answer.status_code == 200:
            stage.ledger.note("paused", execution=execution)


@dataclass(frozen=True)
class Resume:
    """Let a paused execution go on, with more money where it had a budget."""

    async def act(self, stage: Stage) -> None:
        for execution in stage.executions[-6:]:
            body = await stage.progress(execution)
            if body["status"] == "paused":
                await resume(stage, body, usd=stage.draw.uniform(0.5, 3))


async def resume(stage: Stage, body: dict[str, Any], usd: float) -> None:
    """Resume the execution of a progress body; a budget becomes so many dollars larger."""
    execution, budget = body["executionId"], body["budget"]
    request: dict[str, Any] = {}
    if budget is not None:
        request["budget"] = {"usd": f"{float(budget['usd']) + usd:.3f}"}
    stage.ledger.note("resuming", execution=execution, **request)
    await stage.ask("POST", f"/executions/{execution}/resume", json=request)


@dataclass(frozen=True)
class Watch:
    """Follow one of the latest executions, event by event, beside everything else."""

    async def act(self, stage: Stage) -> None:
        execution = stage.some_execution()
        if execution is not None and len(stage.watchers) < 8:
            task = asyncio.create_task(Watcher(stage, execution).watch())
            stage.watchers.add(task)
            task.add_done_callback(stage.watchers.discard)


@dataclass(frozen=True)
class Retry:
    """Run what failed, or what was never finished, of an execution that is over."""

    async def act(self, stage: Stage) -> None:
        execution = stage.some_execution()
        if execution is None:
            return
        wanted = stage.draw.choice(("failed", "unfinished"))
        stage.ledger.note("retrying", execution=execution)
        answer = await stage.ask("POST", f"/executions/{execution}/retry", json={"items": wanted})
        if answer is not None and answer.status_code == 202:
            stage.ledger.note("retried", execution=execution, items=wanted)


@dataclass(frozen=True)
class Look:
    """Read progress while everything happens; it may never go back within one generation."""

    async def act(self, stage: Stage) -> None:
        execution = stage.some_execution()
        if execution is None:
            return
        answer = await stage.ask("GET", f"/executions/{execution}")
        if answer is not None and answer.status_code == 200:
            stage.ledger.note("progress", execution=execution, body=answer.json())
        elif answer is not None:
            stage.ledger.note("progress", execution=execution, status=answer.status_code, body=None)


WEIGHTED: Sequence[tuple[Actor, int]] = (
    (StartBatch(), 8),
    (StartDataset(), 2),
    (StartEvaluation(), 4),
    (CallAndWait(), 5),
    (StartUnnamed(), 2),
    (Cancel(), 3),
    (Pause(), 3),
    (Resume(), 2),
    (Watch(), 4),
    (Retry(), 4),
    (Look(), 3),
)
"""What is done, and how often beside the others."""


async def act_until(stage: Stage, stop: asyncio.Event, actors: Sequence[tuple[Actor, int]] = WEIGHTED) -> None:
    """One thing after another until it is time to stop."""
    choices, weights = [actor for actor, _ in actors], [weight for _, weight in actors]
    while not stop.is_set():
        await stage.draw.choices(choices, weights)[0].act(stage)
        await asyncio.sleep(stage.draw.uniform(0, 0.8))


async def settle(stage: Stage) -> None:
    """Wait until everything that was acknowledged is over, and resume what is paused."""
    for execution in stage.executions:
        while True:
            answer = await stage.ask("GET", f"/executions/{execution}", params={"wait": "5"})
            if answer is None:
                continue
            if answer.status_code != 200 or answer.json()["status"] in TERMINAL:
                break
            if answer.json()["status"] == "paused":
                await resume(stage, answer.json(), usd=1000)


def client_of(stage_url: str, key: str) -> httpx2.AsyncClient:
    """A client whose waiting is longer than any sync call."""
    return httpx2.AsyncClient(base_url=stage_url, headers={"Authorization": f"Bearer {key}"}, timeout=60)
