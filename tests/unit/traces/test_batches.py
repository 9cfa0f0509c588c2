"""Large files: read by an execution, piece by piece, in order, once, and gone afterwards."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.engine import Engine
from penstock.errors import Invalid
from penstock.executions.model import Execution, Status
from penstock.settings import Settings
from penstock.storage.trace_pages import TraceFilter
from penstock.traces.batches import BatchRequest, TraceBatches
from penstock.traces.formats import files as files_module
from penstock.types import Tenant

TENANT = Tenant("a" * 24, "b" * 24)
PATIENCE_SECONDS = 60


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Engine]:
    monkeypatch.setattr(files_module, "PIECE_OBJECTS", 10)
    engine = await Engine.open(Settings(data_dir=tmp_path / "data", synchronous="NORMAL"))
    await engine.start(fires_schedules=False)
    yield engine
    await engine.stop()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sent"


async def ended(engine: Engine, execution: Execution) -> Execution:
    final = await engine.executions.wait(TENANT, execution.id, PATIENCE_SECONDS)
    assert final.status.terminal
    return final


async def outputs(engine: Engine, execution: Execution) -> list[dict[str, Any]]:
    pages = [rows async for rows in engine.executions.outputs(TENANT, execution)]
    return [msgspec.json.decode(row["output"]) for rows in pages for row in rows if row["output"]]


async def inputs_of(engine: Engine, ids: list[str]) -> list[str | None]:
    return [(await engine.traces.get(TENANT, some_id)).input for some_id in ids]


def write(file: Path, text: str) -> None:
    file.write_text(text)


def contents(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def kept(engine: Engine) -> list[Path]:
    return contents(engine.settings.data_dir / "trace-batches")


async def swept(batches: TraceBatches) -> None:
    """When what watches the end of executions has done its work."""
    await asyncio.wait_for(asyncio.gather(*batches._watching), PATIENCE_SECONDS)


async def test_ids_are_in_the_order_of_the_file_and_bad_lines_are_named(engine: Engine, file: Path) -> None:
    lines = ["{broken" if n % 10 == 4 else json.dumps({"input": f"line {n}"}) for n in range(35)]
    write(file, "\n".join(lines))
    submitted = await engine.trace_batches.start(TENANT, file, BatchRequest(filename="a.jsonl", source="nightly"))
    assert file not in contents(file.parent)
    final = await ended(engine, submitted.execution)
    assert (final.kind, final.status, final.total_items) == ("ingestion", Status.COMPLETED, 4)
    found = await outputs(engine, final)
    ids = [some_id for piece in found for some_id in piece["ids"]]
    assert await inputs_of(engine, ids) == [f"line {n}" for n in range(35) if n % 10 != 4]
    assert [error["line"] for piece in found for error in piece["errors"]] == [5, 15, 25, 35]
    assert await engine.traces.sources(TENANT) == ["nightly"]
    await swept(engine.trace_batches)
    assert kept(engine) == []


async def test_the_same_file_again_adds_nothing(engine: Engine, file: Path) -> None:
    found = []
    for _ in range(2):
        write(file, json.dumps([{"input": n} for n in range(25)]))
        submitted = await engine.trace_batches.start(TENANT, file, BatchRequest(filename="a.json"))
        found.append(await outputs(engine, await ended(engine, submitted.execution)))
    first, again = ([some_id for piece in pieces for some_id in piece["ids"]] for pieces in found)
    assert first == again
    assert len(first) == len(set(first)) == 25
    assert sum(piece["newSpans"] for piece in found[1]) == 0


async def test_an_idempotency_key_starts_one_execution_and_keeps_one_file(engine: Engine, file: Path) -> None:
    started = []
    for _ in range(2):
        write(file, '{"input": 1}\n')
        request = BatchRequest(idempotency_key="k", request_hash="h")
        started.append(await engine.trace_batches.start(TENANT, file, request))
    assert [one.replayed for one in started] == [False, True]
    assert started[0].execution.id == started[1].execution.id
    await ended(engine, started[0].execution)
    await swept(engine.trace_batches)
    assert kept(engine) == []


async def test_an_array_that_breaks_off_ends_the_execution_with_the_line(engine: Engine, file: Path) -> None:
    good = ",\n".join(json.dumps({"input": n}) for n in range(20))
    write(file, f"[\n{good},\n{{oops")
    submitted = await engine.trace_batches.start(TENANT, file, BatchRequest())
    final = await ended(engine, submitted.execution)
    assert final.status == Status.FAILED
    assert final.error is not None
    assert final.error.code == "file_unreadable"
    assert "Line 22" in final.error.message
    # It stays for a while, so that somebody may look at it or try again.
    assert len(kept(engine)) == 1


async def test_an_empty_file_is_refused_and_not_kept(engine: Engine, file: Path) -> None:
    write(file, "")
    with pytest.raises(Invalid, match="empty"):
        await engine.trace_batches.start(TENANT, file, BatchRequest())
    assert kept(engine) == []


async def test_files_that_nobody_reads_any_more_go_at_the_next_look(
    engine: Engine, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(file, "[{oops")
    await ended(engine, (await engine.trace_batches.start(TENANT, file, BatchRequest())).execution)
    fresh = engine.settings.data_dir / "trace-batches" / f"{TENANT.project_id}.{'d' * 24}"
    write(fresh, "about to be submitted")
    await engine.trace_batches.sweep()
    assert len(kept(engine)) == 2
    monkeypatch.setattr("penstock.traces.batches.KEPT_MS", -1)
    await engine.trace_batches.sweep()
    assert kept(engine) == [fresh]


async def test_what_was_under_way_goes_on_after_a_restart(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "PIECE_OBJECTS", 10)
    settings = Settings(data_dir=tmp_path / "data", synchronous="NORMAL")
    write(file, "\n".join(json.dumps({"input": f"line {n}"}) for n in range(300)))
    engine = await Engine.open(settings)
    submitted = await engine.trace_batches.start(TENANT, file, BatchRequest(filename="a.jsonl"))
    await engine.stop()
    engine = await Engine.open(settings)
    await engine.start(fires_schedules=False)
    try:
        final = await ended(engine, submitted.execution)
        found = await outputs(engine, final)
        ids = [some_id for piece in found for some_id in piece["ids"]]
        assert len(ids) == len(set(ids)) == 300
        assert len((await engine.traces.numbered(TENANT, TraceFilter(), 0, 500))[0]) == 300
        await swept(engine.trace_batches)
        assert kept(engine) == []
    finally:
        await engine.stop()
