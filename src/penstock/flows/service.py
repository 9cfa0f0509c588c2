"""Starting flow runs, and rebuilding their jobs from what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from penstock.errors import FieldError, Invalid, StepError, TooLarge, Unprocessable
from penstock.executions.model import (
    Budget,
    ErrorPolicy,
    Execution,
    MaxFailed,
    Options,
    ResumeRequest,
    RetryRequest,
    Submission,
    Submitted,
)
from penstock.executions.service import ExecutionService
from penstock.flows.graph import Graph
from penstock.flows.job import FlowJob, RowSource, build_walker, row_source_of
from penstock.flows.library import FlowLibrary, SavedFlow
from penstock.flows.nodes.dataset_source import DatasetSourceSettings, open_source
from penstock.flows.nodes.flow import MAX_FLOW_DEPTH
from penstock.flows.services import Services
from penstock.flows.walk import Walker
from penstock.queue.local import Lane
from penstock.settings import Limits
from penstock.storage.executions import dumps
from penstock.storage.store import Store
from penstock.types import Json, JsonObject, Tenant

KIND = "flow"
MAX_INPUT_ERRORS = 50
MAX_INNER_FLOWS = 500
"""Flows that one run may use as nodes, counted each time they are used."""
MAX_METADATA_BYTES = 16 * 1024
"""As JSON: it is in every list, every look at the progress, and every event of it."""
CHECKED_AT_ONCE = 100
"""More inputs than this are checked in a thread, so that nobody else waits for it."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """One request to run a flow.

    `inputs` are API inputs, one item each; `rows` takes them from a data set instead. `single` marks a call with one
    flat input, whose output is the whole result. None for a setting takes the flow's own, then the server's.
    """

    inputs: Sequence[Json] | None = None
    rows: DatasetSourceSettings | None = None
    single: bool = False
    lane: Lane = "batch"
    version: int | None = None
    concurrency: int | None = None
    deadline_seconds: float | None = None
    on_item_error: ErrorPolicy | None = None
    budget: Budget | None = None
    metadata: JsonObject | None = None
    webhook_url: str | None = None
    idempotency_key: str | None = None
    request_hash: str = ""
    created_by: str | None = None


class FlowService:
    """Runs flows of a library as executions."""

    def __init__(
        self, store: Store, library: FlowLibrary, executions: ExecutionService, services: Services, limits: Limits
    ) -> None:
        self._store = store
        self._library = library
        self._executions = executions
        self._services = services
        self._limits = limits

    async def start(self, tenant: Tenant, flow: str, request: RunRequest) -> Submitted:
        """Check a request and submit it. Raises what `submission` does, and what `ExecutionService.submit` does."""
        return await self._executions.submit(await self.submission(tenant, flow, request))

    async def submission(self, tenant: Tenant, flow: str, request: RunRequest) -> Submission:
        """Check a request; what it asks for, ready to be submitted. Nothing has started yet.

        Raises `NotFound` for an unknown flow, version or data set, `Invalid` naming each input field that is wrong.
        """
        saved = await self._library.saved(tenant, flow, request.version)
        spec: dict[str, Json] = {"single": request.single}
        if saved.graph.open:
            # Kept with the execution, so that its results can be read when the flow is gone.
            spec["elements"] = [saved.graph.label(split) for split in saved.graph.output_scope]
        inner = await self._pin_inner(tenant, saved, 1, count(1))
        if inner:
            spec["flows"] = inner
        rows, total = await self._rows(tenant, saved.graph, request)
        inputs: list[Json] | None = None
        if rows is None:
            inputs = await self._inputs(saved.graph, request)
            total = len(inputs)
        else:
            spec["rows"] = rows.spec()
            spec["single"] = False
            if saved.graph.source is not None:
                spec["input"] = self._shared_input(saved.graph, request)
        return Submission(
            tenant=tenant,
            kind=KIND,
            subject_id=saved.record.id,
            subject_name=saved.record.name,
            subject_version=saved.version,
            lane=request.lane,
            spec=spec,
            options=self._options(saved.graph, request),
            deadline_ms=self._deadline_ms(saved.graph, request),
            inputs=inputs,
            total_items=total,
            metadata=small_metadata(request.metadata),
            webhook_url=request.webhook_url,
            idempotency_key=request.idempotency_key,
            request_hash=request.request_hash,
            created_by=request.created_by,
        )

    async def retry(self, tenant: Tenant, execution_id: str, wanted: RetryRequest) -> Execution:
        """Run items of a flow's execution again; with another version, the flows it uses are chosen anew.

        Raises what `ExecutionService.retry` does, and `NotFound` for an unknown version.
        """
        if wanted.version is not None:
            execution = await self._executions.get(tenant, execution_id)
            if execution.kind != KIND:
                raise Invalid("not_a_flow_run", f"The execution is of kind {execution.kind!r}; it has no flow version.")
            saved = await self._library.saved(tenant, execution.subject_id, wanted.version)
            inner = await self._pin_inner(tenant, saved, 1, count(1))
            wanted = replace(wanted, spec={**execution.spec, "flows": inner})
        return await self._executions.retry(tenant, execution_id, wanted)

    async def resume(self, tenant: Tenant, execution_id: str, wanted: ResumeRequest) -> Execution:
        """Let a paused execution go on. Raises what `ExecutionService.resume` does, and `Invalid` for a concurrency."""
        self._limits.check_concurrency(wanted.concurrency or 1)
        return await self._executions.resume(tenant, execution_id, wanted)

    async def open_job(self, execution: Execution) -> FlowJob:
        """The job of a stored execution."""
        tenant = execution.tenant
        version = execution.subject_version
        saved = await self._library.saved(tenant, execution.subject_id, version)
        inner: Any = execution.spec.get("flows") or {}
        graphs = await self._inner_graphs(tenant, inner)
        walker = Walker(saved.graph, {}, execution, self._services)
        return FlowJob(
            execution=execution,
            walker=build_walker(saved.graph, inner, graphs, walker),
            store=self._store,
            services=self._services,
            rows=row_source_of(execution.spec),
        )

    # Flows that other jobs run

    async def pin_target(self, tenant: Tenant, flow: str, version: int | None = None) -> JsonObject:
        """A version of a flow, and of each flow it uses, as another job's spec keeps it.

        Raises `NotFound`, `Conflict` when no version is deployed, `Unprocessable` when it has no single output.
        """
        saved = await self._library.saved(tenant, flow, version)
        if saved.graph.source is not None or saved.graph.open:
            raise _no_single_output(saved, "run on one input at a time")
        inner = await self._pin_inner(tenant, saved, 1, count(1))
        return {"flow": saved.record.id, "name": saved.record.name, "version": saved.version, "flows": inner}

    async def walker_of(self, execution: Execution, pinned: JsonObject, prefix: str) -> Walker:
        """What runs a pinned flow inside an execution of another kind; its nodes are journalled behind `prefix`."""
        target: Any = pinned
        saved = await self._library.saved(execution.tenant, target["flow"], target["version"])
        graphs = await self._inner_graphs(execution.tenant, target["flows"])
        shown = replace(execution, subject_id=target["flow"], subject_version=target["version"])
        return build_walker(
            saved.graph, target["flows"], graphs, Walker(saved.graph, {}, shown, self._services, prefix)
        )

    # Where items come from

    async def _rows(self, tenant: Tenant, graph: Graph, request: RunRequest) -> tuple[RowSource | None, int | None]:
        settings = request.rows
        if graph.source is not None:
            node_settings: Any = graph.nodes[graph.source].settings
            if node_settings.mode == "array":
                return None, None
            if settings is not None:
                raise Invalid("rows_given_twice", f"The flow takes its rows from {graph.source!r}; send no data set.")
            settings = node_settings
        if settings is None:
            return None, None
        try:
            source = await open_source(self._services.datasets, tenant, settings)
        except StepError as error:
            raise Invalid(error.code, error.message) from error
        total = None if settings.filter is not None else await source.count()
        return RowSource(settings, source.version), total

    async def _inputs(self, graph: Graph, request: RunRequest) -> list[Json]:
        given = request.inputs if request.inputs is not None else [{}]
        if not given:
            raise Invalid("no_inputs", "`inputs` is an empty list; send at least one input.")
        if len(given) > self._limits.max_inline_items:
            raise TooLarge(
                "too_many_inputs",
                f"{len(given):,} inputs in one request; at most {self._limits.max_inline_items:,}. Use a data set.",
            )
        if len(given) <= CHECKED_AT_ONCE:
            return self._accepted(graph, given, request)
        return await asyncio.to_thread(self._accepted, graph, given, request)

    def _accepted(self, graph: Graph, given: Sequence[Json], request: RunRequest) -> list[Json]:
        accepted: list[Json] = []
        errors: list[FieldError] = []
        for index, value in enumerate(given):
            filled, faults = graph.input_schema.accept(value)
            accepted.append(filled)
            errors.extend(FieldError(_place(index, fault.path, request), fault.message) for fault in faults)
            if len(errors) >= MAX_INPUT_ERRORS:
                break
        if errors:
            raise _invalid_input(errors[:MAX_INPUT_ERRORS])
        return accepted

    def _shared_input(self, graph: Graph, request: RunRequest) -> Json:
        """The API input of a flow whose items are rows: one for all of them."""
        given = request.inputs or [{}]
        if len(given) > 1:
            raise Invalid("one_input_only", "The flow takes its items from a data set, so it takes one input at most.")
        accepted, faults = graph.input_schema.accept(given[0])
        if faults:
            raise _invalid_input(list(faults))
        return accepted

    # Flows as nodes

    async def _pin_inner(self, tenant: Tenant, saved: SavedFlow, depth: int, numbers: Iterator[int]) -> dict[str, Json]:
        """Which version of each inner flow runs, decided once, when the execution is submitted."""
        pinned: dict[str, Json] = {}
        for name, node in saved.graph.nodes.items():
            if node.node.role != "flow":
                continue
            if depth >= MAX_FLOW_DEPTH:
                raise Unprocessable(
                    "flow_too_deep", f"Flows run flows at most {MAX_FLOW_DEPTH} deep; {name!r} is deeper."
                )
            if next(numbers) > MAX_INNER_FLOWS:
                raise Unprocessable("too_many_flows", f"A run uses at most {MAX_INNER_FLOWS} flows as nodes.")
            settings: Any = node.settings
            inner = await self._library.saved(tenant, settings.flow, settings.version)
            if inner.graph.source is not None or inner.graph.open:
                raise _no_single_output(inner, "be a node")
            pinned[name] = {
                "flow": inner.record.id,
                "version": inner.version,
                "flows": await self._pin_inner(tenant, inner, depth + 1, numbers),
            }
        return pinned

    async def _inner_graphs(self, tenant: Tenant, inner: JsonObject) -> dict[tuple[str, int], Graph]:
        graphs: dict[tuple[str, int], Graph] = {}
        for pinned_value in inner.values():
            pinned: Any = pinned_value
            saved = await self._library.saved(tenant, pinned["flow"], pinned["version"])
            graphs[pinned["flow"], pinned["version"]] = saved.graph
            graphs.update(await self._inner_graphs(tenant, pinned["flows"]))
        return graphs

    # Settings

    def _options(self, graph: Graph, request: RunRequest) -> Options:
        settings = graph.document.settings
        concurrency = request.concurrency or settings.concurrency or self._limits.default_concurrency
        self._limits.check_concurrency(concurrency)
        policy: Any = request.on_item_error or settings.on_item_error
        if not isinstance(policy, str | MaxFailed):
            policy = MaxFailed(policy.max_failed)
        budget = request.budget
        if budget is None and settings.budget is not None:
            budget = settings.budget.budget()
        redact = None if settings.redact is None else settings.redact.rules()
        return Options(
            concurrency=concurrency,
            on_item_error=policy,
            budget=budget,
            log_inputs=settings.log_inputs,
            redact=redact,
        )

    def _deadline_ms(self, graph: Graph, request: RunRequest) -> int:
        return self._limits.deadline_ms(request.deadline_seconds or graph.document.settings.deadline_seconds)


def _no_single_output(saved: SavedFlow, role: str) -> Unprocessable:
    return Unprocessable(
        "flow_not_a_node",
        f"Flow {saved.record.name!r} cannot {role}: it has a data set source or a split that is not flattened, so it"
        " has no single output.",
    )


def small_metadata(metadata: JsonObject | None) -> JsonObject | None:
    """Metadata that fits. Raises `TooLarge`."""
    size = 0 if metadata is None else len(dumps(metadata).encode())
    if size > MAX_METADATA_BYTES:
        raise TooLarge(
            "metadata_too_large",
            f"`metadata` has {size:,} bytes as JSON; at most {MAX_METADATA_BYTES:,}. Send what is larger as an input.",
        )
    return metadata


def _place(index: int, path: str, request: RunRequest) -> str:
    if request.single:
        return path
    return f"inputs[{index}].{path}" if path else f"inputs[{index}]"


def _invalid_input(errors: list[FieldError]) -> Invalid:
    first = errors[0]
    more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
    return Invalid("invalid_input", f"{first.path or 'input'} {first.message}{more}.", errors=tuple(errors))
