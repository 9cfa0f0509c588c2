"""Large files of traces: kept on disk, then read by an execution of kind `ingestion`, piece by piece.

An item is a piece of the file, some hundreds of lines. Its output names the traces in the order of their lines, and the
lines that are none. A piece that is read twice adds nothing the second time, so it needs no record of its steps. The
file goes when all of it was read; after a bad end it stays for a day, to be tried again.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from penstock.clock import now_ms
from penstock.errors import Conflict, Invalid, StepError, Unavailable
from penstock.executions.item import Attempt, ItemRun, StepPolicy
from penstock.executions.model import Execution, Options, Planned, Status, Submission, Submitted
from penstock.executions.service import ExecutionService
from penstock.ids import new_id
from penstock.settings import Limits
from penstock.storage.store import Store
from penstock.storage.trace_batches import standing
from penstock.traces.formats.files import Layout, Piece, layout_of, pieces, read_piece
from penstock.traces.ingestion import Ingestion
from penstock.traces.uploads import UPLOAD, Uploads, says_lines
from penstock.types import Json, JsonObject, Tenant

logger = logging.getLogger(__name__)

KIND = "ingestion"
CONCURRENCY = 4
"""Pieces that are in memory at once."""
KEPT_MS = 24 * 3_600_000
"""How long a file stays after an execution that did not read all of it."""
_PAGE = 16
_UNCLAIMED_SECONDS = 3_600.0
_POLICY = StepPolicy(effectful=False)


@dataclass(frozen=True, slots=True)
class BatchRequest:
    """How a file is to be read. `filename` is what its sender calls it; `source` is for traces that are new."""

    filename: str | None = None
    source: str = UPLOAD
    deadline_seconds: float | None = None
    webhook_url: str | None = None
    metadata: JsonObject | None = None
    idempotency_key: str | None = None
    request_hash: str = ""
    created_by: str | None = None


class TraceBatches:
    """Files that are being read, of all tenants. `folder` holds them until they are."""

    def __init__(
        self, store: Store, executions: ExecutionService, ingestion: Ingestion, limits: Limits, folder: Path
    ) -> None:
        self._store = store
        self._executions = executions
        self._ingestion = ingestion
        self._limits = limits
        self._folder = folder
        self._watching: set[asyncio.Task[None]] = set()

    async def start(self, tenant: Tenant, file: Path, request: BatchRequest) -> Submitted:
        """Take a file away from where it is, and submit the execution that reads it.

        Raises `Invalid` for an empty file, `Unavailable` when it cannot be kept, and what `ExecutionService.submit`
        raises; the file is gone then.
        """
        await self.sweep()
        batch = new_id()
        kept = self._folder / f"{tenant.project_id}.{batch}"
        layout = await asyncio.to_thread(_keep, file, kept, says_lines(request.filename))
        spec: JsonObject = {
            "file": kept.name,
            "layout": layout,
            "filename": request.filename,
            "source": request.source,
            "receivedNs": time.time_ns(),
        }
        submission = Submission(
            tenant=tenant,
            kind=KIND,
            subject_id=batch,
            subject_name=request.filename or "traces",
            subject_version=None,
            lane="batch",
            spec=spec,
            options=Options(concurrency=CONCURRENCY, log_inputs="none"),
            deadline_ms=self._limits.deadline_ms(request.deadline_seconds or self._limits.max_deadline_seconds),
            metadata=request.metadata,
            webhook_url=request.webhook_url,
            idempotency_key=request.idempotency_key,
            request_hash=request.request_hash,
            created_by=request.created_by,
            most_ecu_micros=0,
        )
        try:
            submitted = await self._executions.submit(submission)
        except BaseException:
            await asyncio.to_thread(kept.unlink, missing_ok=True)
            raise
        if submitted.replayed:
            await asyncio.to_thread(kept.unlink, missing_ok=True)
        return submitted

    async def open_job(self, execution: Execution) -> IngestionJob:
        """The job of a stored execution."""
        spec: Any = execution.spec
        return IngestionJob(
            execution=execution,
            path=self._folder / spec["file"],
            layout=spec["layout"],
            received_ns=spec["receivedNs"],
            ingestion=self._ingestion,
            finished=self._remove_when_over,
        )

    async def sweep(self) -> None:
        """Remove files that nobody will read again."""
        for path in await asyncio.to_thread(_files, self._folder):
            project_id, _, batch = path.name.partition(".")
            found = await self._store.read(standing(project_id, batch))
            if found is None:
                gone = await asyncio.to_thread(_age_seconds, path) > _UNCLAIMED_SECONDS
            else:
                status, finished_at, failed = found
                whole = status == Status.COMPLETED and not failed
                over = Status(status).terminal and (finished_at or 0) < now_ms() - KEPT_MS
                gone = whole or over
            if gone:
                await asyncio.to_thread(path.unlink, missing_ok=True)

    async def close(self) -> None:
        """Watch no longer; what is left the next start removes."""
        for task in self._watching:
            task.cancel()
        await asyncio.gather(*self._watching, return_exceptions=True)

    def _remove_when_over(self, execution: Execution) -> None:
        task = asyncio.create_task(self._remove(execution), name=f"sweep {execution.id}")
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)

    async def _remove(self, execution: Execution) -> None:
        try:
            await self._executions.wait_for(execution, None)
            await self.sweep()
        except (Unavailable, OSError) as error:
            logger.warning("the file of execution %s stays until the next start: %s", execution.id, error)


@dataclass(frozen=True)
class IngestionJob:
    """One execution of kind `ingestion`."""

    execution: Execution
    path: Path
    layout: Layout
    received_ns: int
    ingestion: Ingestion
    finished: Callable[[Execution], None]

    @property
    def single(self) -> bool:
        return False

    @property
    def steps_per_item(self) -> int:
        return 1

    async def plan(self) -> AsyncIterator[list[Planned]]:
        found = pieces(self.path, self.layout)
        number = 0
        while page := await asyncio.to_thread(self._next, found):
            yield [Planned(number + n, msgspec.to_builtins(piece)) for n, piece in enumerate(page)]
            number += len(page)

    async def run_item(self, item: ItemRun) -> Json:
        piece = msgspec.convert(item.input, Piece)

        async def read(attempt: Attempt) -> Json:
            spec: Any = self.execution.spec
            uploads = Uploads(self.ingestion, self.execution.tenant, spec["source"], spec["filename"])
            try:
                found = await asyncio.to_thread(
                    lambda: list(read_piece(self.path, self.layout, piece, self.received_ns))
                )
            except OSError as error:
                raise StepError("upload_gone", _gone(error)) from error
            taken: Json = msgspec.to_builtins(await uploads.take(found))
            return taken

        return await item.step("read", read, _POLICY, fingerprint=f"{piece.offset}+{piece.length}", final=True)

    async def finish(self, execution: Execution) -> Json:
        self.finished(execution)
        return None

    def _next(self, found: Iterator[Piece]) -> list[Piece]:
        try:
            return list(islice(found, _PAGE))
        except OSError as error:
            raise Conflict("upload_gone", _gone(error)) from error


def _keep(file: Path, kept: Path, lines: bool | None) -> Layout:
    """Move a file to where it is kept, through to the disk; how it is laid out."""
    try:
        with file.open("rb") as opened:
            layout = layout_of(opened, lines)
            if not file.stat().st_size:
                raise Invalid("file_empty", "The file is empty; there is no trace in it.")
            os.fsync(opened.fileno())
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.replace(kept)
        folder = os.open(kept.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable("upload_not_stored", f"The upload could not be kept: {error}.") from error
    return layout


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _gone(error: OSError) -> str:
    return f"The uploaded file is not there any more ({error.strerror}); upload it again."
