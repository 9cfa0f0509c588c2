"""The write-ahead log is damaged, the disk is full, the clock jumps: real processes, real files."""

from __future__ import annotations

import asyncio
import os
import struct
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from chaos.actors import start
from chaos.evidence import open_store
from chaos.killer import Plan
from chaos.scene import Scene

KILLED = Plan(after_seconds=0, way="kill", point="", target="both", away_seconds=0)
ROWS = [{"mood": "plain"}] * 100
Check = Callable[[], Awaitable[None]]


async def until_calls(scene: Scene, count: int) -> None:
    """Until the model server has answered so many."""
    while (await asyncio.to_thread(scene.model.stats))["calls"] < count:
        await asyncio.sleep(0.01)


def recorded_steps(scene: Scene) -> int:
    with open_store(scene.penstock.data) as store:
        (count,) = store.execute("select count(*) from steps").fetchone()
    return int(count)


def last_frame(wal: bytes) -> tuple[int, int]:
    """Where the last frame of the log begins and ends (https://www.sqlite.org/fileformat2.html#walformat).

    Behind it there may be frames of an earlier round; theirs are other salts than the header's.
    """
    (page_size,) = struct.unpack(">I", wal[8:12])
    size, salts, begin = 24 + page_size, wal[16:24], 32
    while wal[begin + size + 8 : begin + size + 16] == salts:
        begin += size
    return begin, begin + size


@pytest.mark.parametrize("damage", ["overwritten", "truncated"])
async def test_a_damaged_end_of_the_log_costs_the_last_commits_only(
    scene: Scene, nothing_broken: Check, damage: str
) -> None:
    await start(scene.stages[0], "chain", {"inputs": ROWS, "metadata": {"token": "a"}}, "a", inputs=ROWS)
    await until_calls(scene, 120)
    await scene.penstock.server.kill()
    before = recorded_steps(scene)
    wal = scene.penstock.data / "penstock.db-wal"
    begin, end = last_frame(wal.read_bytes())
    if damage == "truncated":
        os.truncate(wal, (begin + end) // 2)
    else:
        with wal.open("r+b") as file:
            file.seek(end - 200)
            file.write(b"\xff" * 100)
    scene.killer.note_death(KILLED, "kill")

    kept = recorded_steps(scene)
    assert before - 8 * 3 <= kept <= before, "at most what the last commit held"
    await scene.penstock.start()
    await nothing_broken()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MB where the data folder is to be: the log alone may take 8."""
    folder = tmp_path / "data"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


async def test_work_waits_for_room_on_a_full_disk_says_so_and_loses_nothing(
    small_disk: Path, scene: Scene, nothing_broken: Check
) -> None:
    stage = scene.stages[0]
    execution = await start(stage, "chain", {"inputs": ROWS, "metadata": {"token": "a"}}, "a", inputs=ROWS)
    await until_calls(scene, 60)
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"0" * 4096)
        except OSError:
            pass
    while (ready := await stage.client.get("/readyz")).status_code == 200:
        await asyncio.sleep(0.02)
    assert ready.json()["code"] == "store_not_writable"
    assert "full" in ready.json()["detail"]
    assert (await stage.progress(str(execution)))["status"] == "running"
    filler.unlink()
    while (await stage.client.get("/readyz")).status_code != 200:
        await asyncio.sleep(0.02)
    await nothing_broken()
    assert (await stage.progress(str(execution)))["counts"]["succeeded"] == len(ROWS)
    assert (await asyncio.to_thread(scene.model.stats))["calls"] == 3 * len(ROWS) + 3, "nothing is paid for twice"


_JUMPING = """
import pathlib, time
_offset = pathlib.Path({path!r})
_time, _time_ns = time.time, time.time_ns
def _seconds():
    return int(_offset.read_text() or 0)
time.time = lambda: _time() + _seconds()
time.time_ns = lambda: _time_ns() + _seconds() * 1_000_000_000
"""


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the seconds by which the clock of processes to be started is off."""
    offset = tmp_path / "offset"
    offset.write_text("0")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(_JUMPING.format(path=str(offset)))
    paths = [str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    return offset


@pytest.mark.parametrize("seconds", [3600, -3600])
async def test_a_clock_that_jumps_by_an_hour_ends_nothing_and_starts_nothing_twice(
    clock: Path, scene: Scene, nothing_broken: Check, seconds: int
) -> None:
    stage = scene.stages[0]
    execution = await start(stage, "chain", {"inputs": ROWS, "metadata": {"token": "a"}}, "a", inputs=ROWS)
    await until_calls(scene, 60)
    await asyncio.to_thread(clock.write_text, str(seconds))
    await until_calls(scene, 120)
    await asyncio.to_thread(clock.write_text, "0")
    body = await stage.insist("GET", f"/executions/{execution}", params={"wait": "60"})
    assert body.json()["status"] == "completed"
    assert 0 <= body.json()["elapsedMs"] < 600_000
    await nothing_broken()


async def test_a_second_process_on_the_folder_is_refused_and_the_first_goes_on(
    scene: Scene, nothing_broken: Check
) -> None:
    stage, data = scene.stages[0], scene.penstock.data
    await start(stage, "chain", {"inputs": ROWS, "metadata": {"token": "a"}}, "a", inputs=ROWS)
    second = scene.penstock.server.another()
    await second.launch()
    assert await second.died(30)
    assert "data folder" in (data.parent / "up.log").read_text()
    await nothing_broken()
    with pytest.raises(httpx2.TransportError):
        await httpx2.AsyncClient().get(f"http://127.0.0.1:{second.port}/healthz")
