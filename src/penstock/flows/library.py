"""The flows of a project: saved as immutable versions, one of them deployed."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TypeVar

from penstock.clock import iso, now_ms
from penstock.errors import Conflict, NotFound
from penstock.flows.definition import document_json, parse_document
from penstock.flows.document_text import Lines, read_document
from penstock.flows.graph import Graph, compile_graph
from penstock.ids import new_id
from penstock.storage import flows as rows
from penstock.storage.executions import dumps, loads
from penstock.storage.flows import FlowRecord, VersionRecord
from penstock.storage.store import Store, Transaction, UniqueViolation
from penstock.types import JsonObject, Tenant

T = TypeVar("T")

CACHED_GRAPHS = 256
RECORD_FRESH_SECONDS = 1.0
"""How long another process's deploy may go unseen; this process's own is seen at once."""


@dataclass(frozen=True, slots=True)
class SavedFlow:
    """A flow and one of its versions, compiled."""

    record: FlowRecord
    version: int
    graph: Graph


class FlowLibrary:
    """Create, read, change and deploy flows. Documents are JSON objects, or YAML text."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._graphs: OrderedDict[tuple[str, int], Graph] = OrderedDict()
        self._records: dict[tuple[str, str], tuple[float, FlowRecord]] = {}
        self._changes = 0

    def validate(self, source: str | JsonObject) -> Graph:
        """Check a document. Raises `Unprocessable` with every fault, its path and (for YAML) its line.

        A large document takes a while: off the event loop, please.
        """
        value, lines = _read(source)
        return compile_graph(parse_document(value, lines), lines)

    async def create(self, tenant: Tenant, source: str | JsonObject, *, deploy: bool = True) -> FlowRecord:
        """Save a new flow as version 1. Raises `Unprocessable`, or `Conflict` when its name is taken."""
        graph = await asyncio.to_thread(self.validate, source)
        now = now_ms()
        record = FlowRecord(new_id(), graph.document.name, 1, 1 if deploy else None, now, now)

        def save() -> Transaction[None]:
            yield from rows.insert(tenant, record)
            yield from rows.insert_version(record.id, _version_record(1, graph, source, now))

        await self._save(save(), record.name)
        return record

    async def update(self, tenant: Tenant, flow: str, source: str | JsonObject, *, deploy: bool = True) -> FlowRecord:
        """Save a new version; a document equal to the latest version makes none."""
        graph = await asyncio.to_thread(self.validate, source)
        current = await self.get(tenant, flow)
        text = dumps(document_json(graph.document))
        now = now_ms()

        def save() -> Transaction[FlowRecord]:
            record = _found((yield from rows.get(tenant, current.id)), flow)
            latest = yield from rows.version(tenant, record.id, record.latest_version)
            number = record.latest_version
            if latest is None or latest.document != text:
                number += 1
                yield from rows.insert_version(record.id, _version_record(number, graph, source, now))
            deployed = number if deploy else record.deployed_version
            changed = replace(
                record, name=graph.document.name, latest_version=number, deployed_version=deployed, updated_at=now
            )
            yield from rows.update(tenant, record.id, name=changed.name, latest=number, deployed=deployed, now=now)
            return changed

        return await self._save(save(), graph.document.name)

    async def deploy(self, tenant: Tenant, flow: str, version: int) -> FlowRecord:
        """Make a version the one that API calls run. Raises `NotFound` for an unknown flow or version."""

        def save() -> Transaction[FlowRecord]:
            record = _found((yield from rows.get(tenant, flow)), flow)
            if (yield from rows.version(tenant, record.id, version)) is None:
                raise _no_version(record, version)
            changed = replace(record, deployed_version=version, updated_at=now_ms())
            yield from rows.update(
                tenant,
                record.id,
                name=record.name,
                latest=record.latest_version,
                deployed=version,
                now=changed.updated_at,
            )
            return changed

        return await self._save(save(), flow)

    async def get(self, tenant: Tenant, flow: str) -> FlowRecord:
        """By id or name. Raises `NotFound`, also for another tenant's."""
        key = tenant.project_id, flow
        cached = self._records.get(key)
        if cached is not None and cached[0] > time.monotonic():
            return cached[1]
        changes = self._changes
        record = _found(await self._store.read(rows.get(tenant, flow)), flow)
        if len(self._records) > 10_000:
            self._records.clear()
        if changes == self._changes:
            self._records[key] = time.monotonic() + RECORD_FRESH_SECONDS, record
        return record

    async def page(self, tenant: Tenant, cursor: str | None, limit: int) -> tuple[list[FlowRecord], str | None]:
        """Flows, newest first, and the cursor of the next page."""
        found = await self._store.read(rows.page(tenant, cursor, limit + 1))
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    async def versions(
        self, tenant: Tenant, flow: str, cursor: int | None, limit: int
    ) -> tuple[FlowRecord, list[VersionRecord], int | None]:
        """A flow, a page of its versions (newest first), and the cursor of the next page."""
        record = await self.get(tenant, flow)
        before = cursor if cursor is not None else record.latest_version + 1
        found = await self._store.read(rows.versions(tenant, record.id, before, limit + 1))
        return record, found[:limit], found[limit - 1].version if len(found) > limit else None

    async def version(self, tenant: Tenant, flow: str, version: int) -> VersionRecord:
        record = await self.get(tenant, flow)
        found = await self._store.read(rows.version(tenant, record.id, version))
        if found is None:
            raise _no_version(record, version)
        return found

    async def delete(self, tenant: Tenant, flow: str) -> None:
        """Remove a flow with its versions. Raises `Conflict` while executions of it are not over."""
        record = await self.get(tenant, flow)

        def remove() -> Transaction[None]:
            running = yield from rows.open_executions(tenant, record.id)
            if running:
                raise Conflict(
                    "flow_in_use", f"{running} executions of flow {record.name!r} are not over; cancel them first."
                )
            yield from rows.delete(tenant, record.id)

        await self._save(remove(), record.name)

    async def saved(self, tenant: Tenant, flow: str, version: int | None = None) -> SavedFlow:
        """A flow with a version compiled: the given one, else the deployed one.

        Raises `NotFound`, or `Conflict` when no version is deployed.
        """
        record = await self.get(tenant, flow)
        number = version if version is not None else record.deployed_version
        if number is None:
            raise Conflict("flow_not_deployed", f"No version of flow {record.name!r} is deployed; deploy one first.")
        return SavedFlow(record, number, await self._graph(tenant, record, number))

    async def _graph(self, tenant: Tenant, record: FlowRecord, version: int) -> Graph:
        key = record.id, version
        graph = self._graphs.get(key)
        if graph is None:
            found = await self._store.read(rows.version(tenant, record.id, version))
            if found is None:
                raise _no_version(record, version)
            graph = await asyncio.to_thread(_compiled, found.document)
            if len(self._graphs) >= CACHED_GRAPHS:
                self._graphs.popitem(last=False)
        self._graphs[key] = graph
        self._graphs.move_to_end(key)
        return graph

    async def _save(self, transaction: Transaction[T], name: str) -> T:
        try:
            return await self._store.write(transaction)
        except UniqueViolation:
            detail = f"A flow named {name!r} is there already; PUT a new version of it, or use another name."
            raise Conflict("flow_exists", detail) from None
        finally:
            self._changes += 1
            self._records.clear()


def flow_body(record: FlowRecord) -> JsonObject:
    """A flow as callers see it."""
    return {
        "id": record.id,
        "name": record.name,
        "version": record.latest_version,
        "deployedVersion": record.deployed_version,
        "createdAt": iso(record.created_at),
        "updatedAt": iso(record.updated_at),
    }


def _compiled(document: str) -> Graph:
    return compile_graph(parse_document(loads(document)))


def _read(source: str | JsonObject) -> tuple[JsonObject, Lines]:
    if isinstance(source, str):
        return read_document(source)
    return source, {}


def _version_record(number: int, graph: Graph, source: str | JsonObject, now: int) -> VersionRecord:
    text = source if isinstance(source, str) else None
    return VersionRecord(number, dumps(document_json(graph.document)), text, now)


def _found(record: FlowRecord | None, flow: str) -> FlowRecord:
    if record is None:
        raise NotFound("flow_unknown", f"There is no flow {flow!r} in this project.")
    return record


def _no_version(record: FlowRecord, version: int) -> NotFound:
    return NotFound(
        "flow_version_unknown", f"Flow {record.name!r} has versions 1 to {record.latest_version}, not {version}."
    )
