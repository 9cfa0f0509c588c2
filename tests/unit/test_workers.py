from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.errors import StepError
from penstock.workers import WorkerPool

PROGRAM = """
import json, os, sys, time
for line in sys.stdin:
    task = json.loads(line)
    if task.get("started"):
        open(task["started"], "w").close()
    if task["do"] == "hang":
        time.sleep(3600)
    if task["do"] == "die":
        os._exit(3)
    if task["do"] == "babble":
        print("hello")
    elif task["do"] == "flood":
        sys.stdout.write("x" * 3_000_000)
    else:
        print(json.dumps({"pid": os.getpid(), "size": len(task.get("text", "")), "environment": dict(os.environ)}))
    sys.stdout.flush()
"""


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[WorkerPool]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    pool = WorkerPool(program, processes=1)
    yield pool
    pool.close()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_one_process_serves_task_after_task_and_sees_none_of_our_environment(
    pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    answers = await asyncio.gather(*(pool.run({"do": "work", "text": "é" * 500_000}, seconds=30) for _ in range(3)))
    assert {answer["size"] for answer in answers} == {500_000}
    assert len({answer["pid"] for answer in answers}) == 1
    assert "s3cret" not in str(answers[0]["environment"])


@pytest.mark.parametrize(
    ("do", "code"),
    [("hang", "worker_timeout"), ("die", "worker_died"), ("babble", "worker_died"), ("flood", "worker_died")],
)
async def test_a_worker_that_misbehaves_is_replaced_and_only_its_task_is_lost(
    pool: WorkerPool, do: str, code: str
) -> None:
    first = await pool.run({"do": "work"}, seconds=30)
    with pytest.raises(StepError) as error:
        await pool.run({"do": do}, seconds=0.5 if do == "hang" else 30)
    assert error.value.code == code
    assert error.value.retryable == (code == "worker_died")
    second = await pool.run({"do": "work"}, seconds=30)
    assert second["pid"] != first["pid"]
    assert not _alive(first["pid"])


async def test_a_cancelled_task_kills_its_worker_at_once(pool: WorkerPool, tmp_path: Path) -> None:
    first = await pool.run({"do": "work"}, seconds=30)
    started = tmp_path / "started"
    task = asyncio.create_task(pool.run({"do": "hang", "started": str(started)}, seconds=3_600))
    while not started.exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await pool.run({"do": "work"}, seconds=30))["pid"] != first["pid"]
    assert not _alive(first["pid"])


async def test_closing_ends_the_workers(pool: WorkerPool) -> None:
    pid = (await pool.run({"do": "work"}, seconds=30))["pid"]
    pool.close()
    assert not _alive(pid)
    assert (await pool.run({"do": "work"}, seconds=30))["pid"] != pid


def test_a_worker_in_an_endless_loop_dies_with_whoever_started_it(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import os\ninput()\nprint(os.getpid(), file=open('pid', 'w'), flush=True)\nwhile True: pass\n")
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import asyncio, pathlib, sys\nfrom penstock.workers import WorkerPool\n"
            "asyncio.run(WorkerPool(pathlib.Path(sys.argv[1])).run({}, seconds=600))",
            str(program),
        ],
        cwd=tmp_path,
    )
    try:
        written = tmp_path / "pid"
        while not written.exists() or not written.read_text():
            assert parent.poll() is None
            time.sleep(0.05)
    finally:
        parent.kill()
        parent.wait()
    worker = int(written.read_text())
    until = time.monotonic() + 30
    while _runs(worker):
        assert time.monotonic() < until, "it outlived its parent"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    """Whether a process is there and is no zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
