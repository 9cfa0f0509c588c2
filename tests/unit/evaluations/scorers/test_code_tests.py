"""Code that passes its tests, code that does not, and code that tries to look as if it did."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from penstock.evaluations.scorers.base import Outcome, Sample, Scored, ScoreError, ScoringContext, Unscorable
from penstock.evaluations.scorers.library import build, run_scorer
from penstock.evaluations.scorers.reading.code import code_in, completed
from penstock.evaluations.scorers.specs import snapshot
from penstock.sandbox.locked import LockedPython
from penstock.types import Tenant

PROMPT = '''from typing import List

def helper(x: int) -> int:
    return x + 1

def add(a: int, b: int) -> int:
    """The sum."""
'''
CHECK = """
METADATA = {"author": "nobody"}

def check(candidate):
    assert candidate(1, 2) == 3
    assert candidate(-1, 1) == 0, "of opposites"
    assert helper(candidate(1, 1)) == 3
"""
HUMANEVAL = {"prompt": PROMPT, "test": CHECK, "entry_point": "add"}
MBPP = {
    "test_setup_code": "import math",
    "test_list": [
        "x = [2, 1]; put(x); assert x == [1, 2]",
        "assert list(up(3)) == [0, 1, 2]",
        "assert pi() == math.pi",
    ],
}
PROGRAM = {"tests": [{"input": "2\n", "output": "4"}, {"input": "-3\n", "output": "-6 \n\n"}]}
TWICE = "print(int(input()) * 2)"


async def score(output: str, metadata: dict[str, Any], truth: Any = None, **settings: Any) -> Outcome:
    [made] = build([snapshot({"type": "code_tests", **settings}, "scorer")])
    services: Any = SimpleNamespace(sandbox=SimpleNamespace(locked=LockedPython(trusted=False)))
    context = ScoringContext(Tenant("o", "p"), services)
    return await run_scorer(made, Sample("1", "a question", output, truth, metadata), context)


async def value(*args: Any, **settings: Any) -> float:
    outcome = await score(*args, **settings)
    assert isinstance(outcome, Scored), outcome
    return outcome.value


@pytest.mark.parametrize(
    "answer",
    [
        "```python\ndef add(a, b):\n    return a + b\n```",
        "Sure!\n```\nimport math\n\ndef add(a, b):\n    return a + b\n```\nSo:\n```\nprint(add(1, 2), add(3, 4))\n```",
        "    return a + b\n\nprint('what follows is not part of the function'\n",
        "def add(*n: List[int]):\n    return sum(n)",
        "<think>```\ndef add(a, b): return 0\n```</think>\n```py\ndef add(a, b):\n    return a + b",
    ],
)
async def test_right_code_passes_however_it_is_written(answer: str) -> None:
    assert await value(answer, HUMANEVAL) == 1.0


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("def add(a, b):\n    return a - b", "assert candidate(1, 2) == 3"),
        ("def add(a, b):\n    return abs(a) + abs(b)", "of opposites"),
        ("def add(a, b):\n    raise KeyError('what')", "KeyError"),
        ("def add(a, b)\n    return", "SyntaxError"),
        ("import numpy\ndef add(a, b): return a + b", "No module named 'numpy'"),
        ("", "AssertionError"),
        ("I cannot help with that.", "SyntaxError"),
        ("Ich kann das leider nicht beantworten.", "SyntaxError"),
        ("def add(a, b):\n    return [0] * 10**10", "MemoryError"),
        ("def add(a, b):\n    return add(a, b)", "RecursionError"),
        ("def add(a, b):\n    while True: pass", "took longer than 1 s"),
        ("while True: print('x' * 10_000)", "took longer than 1 s"),
        # What would rather look right than be right:
        ("import os\nos._exit(0)", "ended its process"),
        ("import sys\nsys.exit(0)\ndef add(a, b): return a + b", "SystemExit"),
        ("def add(a, b):\n    import os; os._exit(0)", "ended its process"),
        ("class Yes:\n    def __eq__(self, other): return True\ndef add(a, b): return Yes()", "no plain data"),
        ("class Yes(int):\n    def __eq__(self, other): return True\ndef add(a, b): return Yes(7)", "candidate(1, 2)"),
        ("def check(candidate): pass\ndef helper(x): return 3\ndef add(a, b): return 0", "candidate(1, 2)"),
        ("import builtins\nbuiltins.AssertionError = Exception\ndef add(a, b): raise AssertionError", "Exception"),
        ('print(\'{"passed": 1, "total": 1}\')\nimport os\nos._exit(0)', "ended its process"),
        ("import os\nos.write(0, b'{\"value\": null}\\n' * 3)\nos._exit(0)", "Error"),
        ("import os\nos.write(0, b'[' * 5_000_000)\nos._exit(0)", "Error"),
        (
            "import gc, sys\ndef add(a, b):\n    frame, seen = sys._getframe(), str(gc.get_objects())\n"
            "    while frame: seen, frame = seen + str(frame.f_locals), frame.f_back\n"
            "    return 3 if 'of opposites' in seen or 'METADATA' in seen else None",
            "candidate(1, 2)",
        ),
    ],
)
async def test_wrong_code_does_not_pass_and_it_says_why(answer: str, says: str) -> None:
    outcome = await score(answer, HUMANEVAL, seconds=1 if "while True" in answer else 30)
    assert isinstance(outcome, Scored), outcome
    assert outcome.value == 0.0
    assert says in str(outcome.explanation)


async def test_assertions_count_one_by_one() -> None:
    answer = "import math\ndef put(x): x.sort()\ndef up(n): yield from range(n)\ndef pi(): return math.pi"
    assert await value(answer, MBPP) == 1.0
    assert await value(answer.replace("range(n)", "range(1)"), MBPP, score="share") == pytest.approx(2 / 3)
    assert await value(answer.replace("range(n)", "range(1)"), MBPP) == 0.0
    assert (
        await value("def f(x): raise ValueError(x)", {}, ["try:\n    f(1)\n    assert 0\nexcept ValueError: pass"]) == 1
    )


async def test_programs_are_judged_by_what_they_print() -> None:
    assert await value(TWICE, PROGRAM) == 1.0
    assert await value("print(4)", PROGRAM, score="share") == 0.5
    outcome = await score("print(1 / 0)", PROGRAM)
    assert isinstance(outcome, Scored)
    assert "exit code 1: ZeroDivisionError" in str(outcome.explanation)


@pytest.mark.parametrize(
    ("metadata", "truth", "says"),
    [
        ({}, None, "no tests"),
        ({"tests": [1]}, None, "neither Python sources nor"),
        ({}, ["assert f(1) =="], "SyntaxError"),
        ({}, ["import numpy\nassert f(1) == 1"], "numpy"),
        ({}, ["assert f(lambda: 1) == 1"], "no plain data"),
        ({"test_setup_code": "import numpy", "tests": ["assert f(1) == 1"]}, None, "numpy"),
    ],
)
async def test_a_row_whose_tests_do_not_run_is_unscorable(metadata: dict[str, Any], truth: Any, says: str) -> None:
    outcome = await score("def f(x): return x", metadata, truth)
    assert isinstance(outcome, Unscorable), outcome
    assert says in outcome.reason


async def test_where_nothing_can_be_locked_in_every_score_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.sandbox.locked._READY", b"never")
    outcome = await score(TWICE, PROGRAM)
    assert isinstance(outcome, ScoreError)
    assert "PENSTOCK_TRUSTED_PYTHON=1" in outcome.reason


def test_code_is_found_and_prompts_are_completed() -> None:
    assert code_in("no fence") == "no fence"
    assert code_in("```js\nx\n```\n```python\nlonger = 1\n```\n```\ny\n```") == "longer = 1\n"
    assert code_in("```\ndef f(): 1\n```\n```\nlonger = 'than that'\n```", "f") == "def f(): 1\n"
    assert completed(None, "x", "f") == "x"
    assert completed("def f():\n    'doc'\n", "    return 1\nprint(2)\n", "f") == "def f():\n    'doc'\n    return 1\n"
