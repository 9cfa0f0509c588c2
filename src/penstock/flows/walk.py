"""Walks one item through a flow's graph: each node when what it needs is there, each piece of work a recorded step."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec

from penstock.clock import iso
from penstock.errors import StepError
from penstock.executions.item import Attempt, ItemFailed, ItemRun, Outcome, StepPolicy, Stopping
from penstock.executions.journal import LeaseLost
from penstock.executions.model import Execution, ItemStatus
from penstock.executions.retries import RetryPolicy
from penstock.flows.graph import Graph, GraphNode, Scope, ScopePlan
from penstock.flows.nodes.base import ErrorValue, NodeContext, NodeSettings
from penstock.flows.references import INPUT, RECEIVED, SYSTEM, Reference, follow
from penstock.flows.services import Services
from penstock.types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class State:
    """How a node went for one item: its output and what it was handed; or that it was skipped."""

    out: Json = None
    received: JsonObject = field(default_factory=dict)
    branch: str | None = None
    skipped: bool = False


SKIPPED = State(skipped=True)


@dataclass(slots=True)
class Frame:
    """The states of one scope, and of the scopes around it. In the frame of an element, its split's output is it."""

    states: dict[str, State] = field(default_factory=dict)
    elements: dict[str, list[Outcome]] = field(default_factory=dict)
    around: Frame | None = None

    def find(self, node: str) -> State | None:
        frame: Frame | None = self
        while frame is not None:
            if node in frame.states:
                return frame.states[node]
            frame = frame.around
        return None


@dataclass(frozen=True)
class Walker:
    """One flow's graph with what it needs to run items; `inner` are the walkers of the flows it uses as nodes.

    `prefix` stands before node names in the journal: `outer/` for a flow that runs as the node `outer`.
    """

    graph: Graph
    inner: Mapping[str, Walker]
    execution: Execution
    services: Services
    prefix: str = ""

    async def run(self, item: ItemRun, api_input: Json, source_row: Json = None) -> Json:
        """Walk an item through the whole graph; its output by the flow's `output`. Raises `ItemFailed`."""
        return await _Walk(self, api_input, source_row).scope((), Frame(), item)

    def accepted(self, value: Json) -> JsonObject:
        """A value as the flow's API input, defaults filled in. Raises `StepError` naming each field that is wrong."""
        accepted, faults = self.graph.input_schema.accept(value)
        if faults:
            detail = "; ".join(f"{fault.path} {fault.message}".strip() for fault in faults)
            raise StepError("invalid_input", f"The input does not fit flow {self.graph.document.name!r}: {detail}")
        return accepted

    @cached_property
    def system(self) -> dict[str, Json]:
        return {
            "timestamp": iso(self.execution.created_at),
            "flowId": self.execution.subject_id,
            "flowVersion": self.execution.subject_version,
            "executionId": self.execution.id,
        }


class _Walk:
    """One walk of one item: the walker with this item's input."""

    def __init__(self, walker: Walker, api_input: Json, source_row: Json) -> None:
        self.walker = walker
        self.graph = walker.graph
        self.api_input = api_input
        self.source_row = source_row

    async def scope(self, scope: Scope, frame: Frame, item: ItemRun) -> Json:
        """Run every node of a scope; the value of the scope: the item's output, or what a flatten collects."""
        plan = self.graph.plans[scope]
        if plan.chain:
            for node in plan.nodes:
                await self._node(node, frame, item)
        else:
            await self._in_parallel(plan, frame, item)
        return self._value(scope, frame, item)

    async def _in_parallel(self, plan: ScopePlan, frame: Frame, item: ItemRun) -> None:
        done = {node.name: asyncio.Event() for node in plan.nodes}
        stopped: list[Stopping] = []

        async def when_ready(node: GraphNode) -> None:
            for name in plan.waits[node.name]:
                await done[name].wait()
            try:
                await self._node(node, frame, item)
            except Stopping as stopping:
                # What is in flight beside it is paid for: it may finish, and is recorded.
                stopped.append(stopping)
            done[node.name].set()

        try:
            async with asyncio.TaskGroup() as group:
                for node in plan.nodes:
                    group.create_task(when_ready(node))
        except BaseExceptionGroup as failures:
            raise _first(failures) from None
        if stopped:
            raise stopped[0]

    # One node

    async def _node(self, node: GraphNode, frame: Frame, item: ItemRun) -> None:
        frame.states[node.name] = SKIPPED
        if not self._may_run(node, frame):
            return
        try:
            inputs = self._inputs(node, frame, item)
            if node.when is not None and not _truth(node.when.evaluate(inputs), "when"):
                return
            frame.states[node.name] = await self._state(node, inputs, frame, item)
        except StepError as error:
            self._failed(node, item.failure(self._title(node), error), frame)
        except ItemFailed as failed:
            self._failed(node, failed, frame)

    def _failed(self, node: GraphNode, failed: ItemFailed, frame: Frame) -> None:
        policy = node.settings.on_error
        if policy == "fail":
            raise failed
        frame.states[node.name] = State(out=policy.value) if isinstance(policy, ErrorValue) else SKIPPED

    def _may_run(self, node: GraphNode, frame: Frame) -> bool:
        if not node.needs:
            return True
        ran = [self._ran(node, need, branch, frame) for need, branch in node.needs]
        return any(ran) if node.settings.join == "any" else all(ran)

    def _ran(self, node: GraphNode, need: str, branch: str | None, frame: Frame) -> bool:
        state = frame.find(need)
        if state is None:
            # Inside a split that this node closes: whether its elements ran is for the flatten to say.
            closed = frame.find(self.graph.nodes[need].home[len(node.home)])
            return closed is not None and not closed.skipped
        return not state.skipped and (branch is None or state.branch == branch or branch == "out")

    async def _state(self, node: GraphNode, inputs: dict[str, Json], frame: Frame, item: ItemRun) -> State:
        role = node.node.role
        if role == "source" and self.source_row is not None:
            return State(out=self.source_row, received=inputs)
        if role == "flow":
            return State(out=await self._flow(node, inputs, item), received=inputs)
        repeated = node.until is not None
        out = await (self._until(node, inputs, item) if repeated else self._step(node, inputs, item))
        if role == "condition":
            branch: Any = out
            return State(out=out, received=inputs, branch=branch["branch"])
        if role == "split":
            frame.states[node.name] = State(out=out, received=inputs)
            await self._elements(node, out, frame, item)
        return State(out=out, received=inputs)

    async def _until(self, node: GraphNode, inputs: dict[str, Json], item: ItemRun) -> Json:
        rounds, expression = node.settings.until, node.until
        out: Json = None
        for round_ in range(rounds.max_times if rounds else 1):
            out = await self._step(node, {**inputs, "previous": out}, item, round_)
            if expression is None or _truth(expression.evaluate({**inputs, "out": out}), "until"):
                break
        return out

    async def _step(self, node: GraphNode, inputs: dict[str, Json], item: ItemRun, round_: int = 0) -> Json:
        walker, settings = self.walker, node.settings
        execution = walker.execution

        async def call(attempt: Attempt) -> Json:
            context = NodeContext(
                tenant=execution.tenant,
                execution_id=execution.id,
                item_path=item.shown_path,
                flow_id=execution.subject_id,
                flow_version=execution.subject_version or 0,
                node=walker.prefix + node.name,
                round=round_,
                attempt=attempt.number,
                services=walker.services,
                meter=attempt.meter,
                detail=attempt.detail,
            )
            return await node.node.run(context, settings, inputs)

        received = msgspec.json.encode(inputs, order="deterministic")
        return await item.step(
            walker.prefix + node.name,
            call,
            _policy(node),
            fingerprint=hashlib.blake2b(received, digest_size=12, key=node.digest).hexdigest(),
            round_=round_,
            final=not walker.prefix and walker.graph.final == node.name,
            received=received,
        )

    # Flows as nodes, splits

    async def _flow(self, node: GraphNode, inputs: dict[str, Json], item: ItemRun) -> Json:
        walker = self.walker.inner[node.name]
        return await walker.run(item, walker.accepted(inputs))

    async def _elements(self, node: GraphNode, elements: Json, frame: Frame, item: ItemRun) -> None:
        scope = (*node.home, node.name)
        received = frame.states[node.name].received

        async def run_element(element: ItemRun) -> Json:
            inner = Frame({node.name: State(out=element.input, received=received)}, around=frame)
            return await self.scope(scope, inner, element)

        label = self.graph.label(node.name)
        if self.walker.prefix:
            label = self.walker.prefix + node.name
        values: Sequence[Any] = elements if isinstance(elements, list) else []
        bound = item.concurrency
        limit = node.node.concurrency(node.settings, bound)  # type: ignore[attr-defined]
        chunk = limit if getattr(node.settings, "mode", "") == "chunked" else len(values) or 1
        outcomes: list[Outcome] = []
        await item.elements_end(label, len(values))
        for first in range(0, len(values), chunk):
            part = values[first : first + chunk]
            try:
                outcomes += await item.fan_out(part, run_element, label=label, limit=limit, first=first)
            except BaseExceptionGroup as failures:
                raise _first(failures) from None
        frame.elements[node.name] = outcomes
        inside = self.graph.output_scope[: len(scope)] == scope
        if inside and outcomes and all(outcome.status == ItemStatus.FAILED for outcome in outcomes):
            raise StepError("elements_failed", f"Every one of the {len(outcomes)} elements failed.")

    # Values

    def _inputs(self, node: GraphNode, frame: Frame, item: ItemRun) -> dict[str, Json]:
        if node.node.role == "flatten":
            return {name: self._collected(node, name, frame) for name in node.inputs}
        missing_is_null = node.settings.join == "any"
        return {
            name: self._resolve(reference, frame, item, missing_is_null=missing_is_null)
            for name, reference in node.inputs.items()
        }

    def _resolve(self, reference: Reference, frame: Frame, item: ItemRun, *, missing_is_null: bool) -> Json:
        if reference.root == INPUT:
            return follow(self.api_input, reference)
        if reference.root == SYSTEM:
            return follow({**self.walker.system, "itemPath": item.shown_path}, reference)
        state = frame.find(reference.root)
        if state is None or state.skipped:
            if missing_is_null:
                return None
            raise StepError("reference_missing", f"{reference.text}: {reference.root!r} was skipped for this item.")
        if reference.port == "out":
            return follow(state.out, reference)
        if reference.port != RECEIVED and state.branch != reference.port:
            return None
        return follow(state.received, reference)

    def _collected(self, node: GraphNode, name: str, frame: Frame) -> Json:
        """The values that a flatten's input has in each element of the split it closes, in order."""
        split = self.graph.nodes[node.inputs[name].root]
        inner = (*split.home, split.name) if split.node.role == "split" else split.home
        closed = inner[len(node.home)]
        policy = node.settings.failed  # type: ignore[attr-defined]
        values: list[Json] = []
        for index, outcome in enumerate(frame.elements.get(closed, [])):
            if outcome.status == ItemStatus.SUCCEEDED:
                collected: Any = outcome.output
                values.append(collected[f"{node.name}.{name}"])
            elif policy == "null":
                values.append(None)
            elif policy == "fail":
                why = outcome.error.message if outcome.error else "it was not run"
                raise StepError("element_failed", f"Element {index} failed: {why}")
        return values

    def _value(self, scope: Scope, frame: Frame, item: ItemRun) -> Json:
        graph = self.graph
        if scope == graph.output_scope:
            return self._output(frame, item)
        if not scope:
            return None
        wanted = {
            f"{node.name}.{name}": reference
            for node in graph.flattens_of(scope[-1])
            for name, reference in node.inputs.items()
        }
        collected: dict[str, Json] = {}
        for key, reference in wanted.items():
            try:
                collected[key] = self._resolve(reference, frame, item, missing_is_null=True)
            except StepError as error:
                raise item.failure(self.walker.prefix + key.partition(".")[0], error) from error
        return collected or None

    def _output(self, frame: Frame, item: ItemRun) -> Json:
        output = self.graph.output
        try:
            if not isinstance(output, Reference):
                return {key: self._resolve(ref, frame, item, missing_is_null=True) for key, ref in output.items()}
            if self.graph.document.output is None:
                return self._last(frame)
            return self._resolve(output, frame, item, missing_is_null=True)
        except StepError as error:
            raise item.failure("output", error) from error

    def _last(self, frame: Frame) -> Json:
        """The output of the last node that was not skipped."""
        scope = self.graph.output_scope
        names = [node.name for node in reversed(self.graph.plans[scope].nodes)]
        states = [frame.states.get(name) for name in (*names, *scope[-1:])]
        return next((state.out for state in states if state is not None and not state.skipped), None)

    def _title(self, node: GraphNode) -> str:
        return self.walker.prefix + node.name


def _truth(value: Json, what: str) -> bool:
    if isinstance(value, bool):
        return value
    raise StepError("not_boolean", f"{what} must give true or false, not {type(value).__name__}.")


def _policy(node: GraphNode) -> StepPolicy:
    settings: NodeSettings = node.settings
    retry = settings.retry
    timeout = settings.timeout_seconds or (node.node.default_timeout_seconds if node.node.effectful else None)
    if retry is None:
        return StepPolicy(node.node.effectful, timeout_seconds=timeout)
    policy = RetryPolicy(retry.max_attempts, retry.initial_delay_seconds, retry.max_delay_seconds)
    return StepPolicy(node.node.effectful, policy, timeout)


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that counts among those of parallel nodes."""
    for kind in (LeaseLost, Stopping, ItemFailed):
        found = failures.subgroup(kind)
        if found is not None:
            failure: BaseException = found.exceptions[0]
            return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
