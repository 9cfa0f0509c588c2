"""A backup is taken with the command while a real server works, and another server goes on from it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from penstock.storage.checks import examine
from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import PenstockProcess

ROWS = 600

FLOW = """
name: one-call
input: {row: {type: integer, required: true}}
nodes:
  ask: {type: prompt, model: stand-in, prompt: "row {{ row }};", inputs: {row: input.row}}
"""


def penstock(*words: object) -> None:
    program = Path(sys.executable).with_name("penstock")
    done = subprocess.run([str(program), *map(str, words)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_in_the_middle_of_its_work_completes_from_the_backup(tmp_path: Path) -> None:
    with ModelServer.start(delay_ms=20) as model:
        with PenstockProcess(tmp_path / "data") as server:
            body = {"name": "stand-in", "provider": "openai", "baseUrl": f"{model.url}/v1", "apiKey": "k"}
            server.post("/models", {**body, "modelName": "m"}).raise_for_status()
            server.save_flow(FLOW)
            run = {"inputs": [{"row": n} for n in range(ROWS)], "mode": "async", "concurrency": 20}
            execution = server.post("/flows/one-call/executions", run).json()["executionId"]
            while model.stats()["calls"] < ROWS // 6:
                time.sleep(0.005)
            penstock("backup", tmp_path / "copy.db", "--data", tmp_path / "data", "--include-key")
            assert examine(tmp_path / "copy.db").unfinished == 1, "the backup came too late to prove anything"
            assert server.wait(execution)["counts"]["succeeded"] == ROWS
        before = model.stats()["calls"]
        penstock("restore", tmp_path / "copy.db", "--data", tmp_path / "other")
        with PenstockProcess(tmp_path / "other") as server:
            body = server.wait(execution)
            assert body["status"] == "completed"
            assert body["counts"]["succeeded"] == ROWS
            assert body["usage"]["modelCalls"] >= ROWS
        again = model.stats()["calls"] - before
        assert 0 < again < ROWS, "what the backup had recorded was paid for again"
    assert examine(tmp_path / "other" / "penstock.db").unfinished == 0
