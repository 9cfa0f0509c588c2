"""Users' programs in the real sandbox: their value, their errors, and every limit."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import StepError
from penstock.sandbox.runner import Sandbox, SandboxLimits

LIMITS = SandboxLimits(seconds=0.3, memory_bytes=16 * 1024 * 1024, output_bytes=1_000)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(workers=2)
    yield sandbox
    await sandbox.close()


def workers() -> list[int]:
    """Process ids of the sandbox's workers that this process has started."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, fields = status.read_text().rsplit(")", 1)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "(monty" in name and int(fields.split()[1]) == os.getpid() and fields.split()[0] != "Z":
            found.append(int(status.parent.name))
    return found


async def a_worker_has_started() -> None:
    while not workers():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("source", "inputs", "expected"),
    [
        ("def run(a, b):\n    return a + b", {"a": 1, "b": 2}, 3),
        ("def run(text):\n    return {'words': text.split(), 'n': len(text)}", {"text": "é b"},
         {"words": ["é", "b"], "n": 3}),
        ("import re\n\ndef double(x):\n    return x * 2\n\ndef run(x, y=5):\n    return [double(x), y]", {"x": 1},
         [2, 5]),
        ("def run():\n    print('not part of it')", {}, None),
        ("def run(rows):\n    rows.append({'a': 1.5})\n    return rows", {"rows": []}, [{"a": 1.5}]),
        ("def run(**inputs):\n    return inputs", {"x": [True, None]}, {"x": [True, None]}),
        ("json = 5\ndef run():\n    return 'ok'  # a comment at the end", {}, "ok"),
    ],
)  # fmt: skip
async def test_the_value_of_run_is_returned(
    sandbox: Sandbox, source: str, inputs: dict[str, Any], expected: object
) -> None:
    assert await sandbox.run(source, inputs) == expected


@pytest.mark.parametrize(
    ("source", "code", "message"),
    [
        ("def run(:", "code_syntax", "line 1"),
        ("def run():\n    yield 1", "code_syntax", "line 2"),
        ("def run():\n    x = 1\n    return x['a']", "code_raised", "line 3: TypeError"),
        ("def f():\n    raise ValueError('bad value')\n\ndef run():\n    return f()", "code_raised",
         "line 2: ValueError: bad value"),
        ("def run():\n    return run()", "code_raised", "RecursionError"),
        ("def run(x):\n    return x", "code_raised", "'x'"),
        ("def run():\n    while True:\n        pass", "code_timeout", "too long"),
        ("def run():\n    try:\n        while True: pass\n    except BaseException:\n        return 1", "code_timeout",
         "too long"),
        ("import time\ndef run():\n    time.sleep(30)", "code_timeout", "line 3"),
        ("def run():\n    hog = []\n    while True:\n        hog.append('x' * 100000)", "code_memory", "line 4"),
        ("def run():\n    return 'x' * 10**9", "code_memory", "line 2"),
        ("def run():\n    return {1, 2}", "code_output", "set"),
        ("def run():\n    return float('nan')", "code_output", "JSON"),
        ("def run():\n    return run", "code_output", "function"),
        ("def run():\n    a = []\n    a.append(a)\n    return a", "code_output", "Circular"),
        ("def run():\n    return 'x' * 2000", "code_output", "1000 bytes"),
    ],
)  # fmt: skip
async def test_what_goes_wrong_is_told(sandbox: Sandbox, source: str, code: str, message: str) -> None:
    with pytest.raises(StepError, match=message) as error:
        await sandbox.run(source, {}, LIMITS)
    assert error.value.code == code
    assert not error.value.retryable
    assert await sandbox.run("def run():\n    return 1", {}) == 1


@pytest.mark.parametrize(
    "body",
    [
        "return open('/etc/passwd').read()",
        "import os; return os.environ['HOME']",
        "import os; return os.listdir('/')",
        "import pathlib; return pathlib.Path('/etc/passwd').read_text()",
        "import socket; return socket.gethostname()",
        "import subprocess; return subprocess.run(['id'])",
        "return __import__('os').getpid()",
        "return ().__class__.__base__.__subclasses__()",
    ],
)
async def test_there_is_no_way_out(sandbox: Sandbox, body: str) -> None:
    with pytest.raises(StepError) as error:
        await sandbox.run(f"def run():\n    {body}", {})
    assert error.value.code in ("code_raised", "code_syntax")


async def test_runs_share_nothing(sandbox: Sandbox) -> None:
    await sandbox.run("seen = 1\ndef run():\n    return seen", {})
    with pytest.raises(StepError, match="seen"):
        await sandbox.run("def run():\n    return seen", {})


async def test_more_runs_than_workers_all_finish_and_workers_stay_bounded(sandbox: Sandbox) -> None:
    source = "def run(n):\n    return n * n"
    assert await asyncio.gather(*(sandbox.run(source, {"n": n}) for n in range(50))) == [n * n for n in range(50)]
    assert 1 <= len(workers()) <= 2


async def test_a_cancelled_run_ends_its_worker_and_the_next_one_works(sandbox: Sandbox) -> None:
    endless = asyncio.create_task(sandbox.run("def run():\n    while True: pass", {}, SandboxLimits(seconds=30)))
    await a_worker_has_started()
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless
    assert await sandbox.run("def run():\n    return 1", {}) == 1


async def test_a_worker_that_dies_is_an_error_that_may_be_retried_and_is_replaced(sandbox: Sandbox) -> None:
    endless = asyncio.create_task(sandbox.run("def run():\n    while True: pass", {}, SandboxLimits(seconds=30)))
    await a_worker_has_started()
    os.kill(workers()[0], signal.SIGKILL)
    with pytest.raises(StepError) as error:
        await endless
    assert (error.value.code, error.value.retryable) == ("code_crashed", True)
    assert await sandbox.run("def run():\n    return 1", {}) == 1


async def test_close_leaves_no_process(sandbox: Sandbox) -> None:
    await asyncio.gather(*(sandbox.run("def run():\n    return 1", {}) for _ in range(4)))
    assert workers()
    await sandbox.close()
    await sandbox.close()
    assert not workers()
