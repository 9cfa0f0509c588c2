"""`penstock traces` on a data folder of its own, through the SDK and the engine of this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.cli import traces as module
from penstock.cli.trace_output import BAR_CELLS, bar

AGENT = {
    "trace_id": "T1",
    "name": "helper",
    "start_time": "2025-01-01T00:00:00Z",
    "end_time": "2025-01-01T00:00:10Z",
    "children": [
        {
            "span_id": "c",
            "name": "ask\x1b[31m\u202e",
            "model": "gpt-4o",
            "input": "needle",
            "start_time": "2025-01-01T00:00:05Z",
            "duration_ms": 2500,
            "error": "boom",
        }
    ],
}


@pytest.fixture
def here(tmp_path: Path) -> tuple[str, Path]:
    return "--data", tmp_path / "data"


def test_traces_come_in_are_shown_and_go(penstock: Any, here: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(AGENT) + "\n{broken\n" + json.dumps({"input": "other"}))
    done = penstock("traces", "import", file, *here)
    assert done.exit_code == 3, done.output
    assert done.stderr.startswith("2 traces, 3 new spans\n  line 2: it is no JSON")

    listed = json.loads(
        penstock("traces", "list", "--source", "upload", "--sort", "durationMs", *here, "--json").stdout
    )
    assert [trace["name"] for trace in listed] == ["helper"]
    assert "helper" in penstock("traces", "search", "need*", *here).stdout
    shown = penstock("traces", "show", "T1", *here)
    assert shown.exit_code == 0, shown.output
    (line,) = [line for line in shown.stdout.splitlines() if "ask" in line]
    assert "│ ask" in line
    assert "✗" in line
    assert "." * (BAR_CELLS // 2) + "█" * (BAR_CELLS // 4) in line
    assert not set("\x1b\u202e") & set(shown.stdout)
    span = json.loads(penstock("traces", "show", "T1", "--span", "c", *here).stdout)
    assert span["original"]["error"] == "boom"

    exported = tmp_path / "out.jsonl"
    assert penstock("traces", "export", exported, "--model", "gpt-4o", *here).exit_code == 0
    assert penstock("traces", "delete", "T1", "nope", *here).stderr == "1 of 2 deleted\n"
    assert penstock("traces", "delete", "T1", *here).exit_code == 1
    assert penstock("traces", "import", exported, *here).stderr == "1 traces, 2 new spans\n"
    assert "ask" in penstock("traces", "show", "T1", *here).stdout


def test_a_large_file_is_followed_to_its_end(
    penstock: Any, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_DIRECT_BYTES", 10)
    file = tmp_path / "a.json"
    file.write_text(json.dumps([{"input": n} for n in range(300)]))
    done = penstock("traces", "import", file, *here, "--json")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["ids"]) == 300


def test_the_background_needs_a_server(penstock: Any, here: Any, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("[]")
    assert penstock("traces", "import", file, "--async", *here).exit_code == 2


@pytest.mark.parametrize(
    ("offset", "duration", "whole", "shown"),
    [
        (0, 0, 0, "·"),
        (0, 10, 10, "█" * BAR_CELLS),
        (5, None, 10, "." * (BAR_CELLS // 2) + "|"),
        (10, 5, 10, "." * (BAR_CELLS - 1) + "█"),
        (-3, 5, 10, "█" * (BAR_CELLS // 2)),
    ],
)
def test_the_time_line(offset: float, duration: float | None, whole: float, shown: str) -> None:
    assert bar(offset, duration, whole) == shown
