from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import StepError
from penstock.sandbox.program import SandboxLimits
from penstock.sandbox.trusted import SWITCH, TrustedPython

LIMITS = SandboxLimits(seconds=20, memory_bytes=256 * 1024 * 1024, output_bytes=1_000)


async def test_it_is_off_unless_the_operator_allows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    with pytest.raises(StepError, match=SWITCH) as error:
        await TrustedPython().run("def run():\n    return 1", {})
    assert error.value.code == "code_untrusted"
    monkeypatch.setenv(SWITCH, "1")
    assert await TrustedPython().run("def run():\n    return 1", {}) == 1


@pytest.mark.parametrize(
    ("source", "inputs", "expected"),
    [
        ("import math\ndef run(x):\n    return math.floor(x)", {"x": 2.5, "unused": 1}, 2),
        ("def run(text):\n    print('noise')\n    return [text, None]", {"text": "é\U0001f600"}, ["é\U0001f600", None]),
        ("import os\ndef run():\n    return 'HOME' in os.environ", {}, False),
    ],
)
async def test_it_runs_all_of_python(source: str, inputs: dict[str, Any], expected: object) -> None:
    assert await TrustedPython(enabled=True).run(source, inputs, LIMITS) == expected


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("def run(:", "code_syntax", "line 1"),
        ("def run():\n    x = 1\n    raise ValueError('bad')", "code_raised", "line 3: ValueError: bad"),
        ("def run():\n    raise SystemExit", "code_raised", "SystemExit"),
        ("def run():\n    return {1, 2}", "code_output", "set"),
        ("def run():\n    return float('inf')", "code_output", "JSON"),
        ("def run():\n    return 'x' * 2000", "code_output", "1000 bytes"),
        ("def run():\n    return 'x' * 100000", "code_output", "too large"),
        ("def run():\n    return len('x' * 10**9)", "code_memory", "memory"),
        ("import os\ndef run():\n    os._exit(3)", "code_crashed", "without an answer"),
    ],
)
async def test_what_goes_wrong_is_told(source: str, code: str, message: str) -> None:
    with pytest.raises(StepError, match=message) as error:
        await TrustedPython(enabled=True).run(source, {}, LIMITS)
    assert error.value.code == code


async def test_time_is_limited_and_children_are_killed_too(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    source = (
        "import subprocess, sys\n"
        "def run(note):\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
        "    open(note, 'w').write(str(child.pid))\n"
        "    child.wait()\n"
    )
    with pytest.raises(StepError) as error:
        await TrustedPython(enabled=True).run(source, {"note": str(note)}, SandboxLimits(seconds=2, memory_bytes=2**30))
    assert error.value.code == "code_timeout"
    child = int(note.read_text())
    await until(lambda: not runs(child))


async def test_cancelling_kills_the_process(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    source = "import os\ndef run(note):\n    open(note, 'w').write(str(os.getpid()))\n    while True: pass\n"
    running = asyncio.create_task(TrustedPython(enabled=True).run(source, {"note": str(note)}, LIMITS))
    await until(lambda: note.exists() and note.read_text() != "")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    child = int(note.read_text())
    await until(lambda: not runs(child))


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)
