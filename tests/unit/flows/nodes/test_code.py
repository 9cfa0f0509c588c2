"""The code node with the real sandbox behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.errors import StepError
from penstock.flows.nodes.code import Code, CodeSettings
from penstock.sandbox.runner import Sandbox
from penstock.sandbox.trusted import TrustedPython


def settings(source: str, **given: Any) -> CodeSettings:
    return CodeSettings.model_validate({"type": "code", "source": source, **given})


@pytest.fixture
async def sandboxed(context: Any) -> AsyncIterator[Any]:
    sandbox = Sandbox(workers=1, trusted=TrustedPython(enabled=False))
    yield replace(context, services=SimpleNamespace(sandbox=sandbox))
    await sandbox.close()


async def test_the_return_value_is_the_output(sandboxed: Any) -> None:
    given = settings("def run(text, n=2):\n    return {'words': text.split()[:n]}")
    assert await Code().run(sandboxed, given, {"text": "a b c", "previous": None}) == {"words": ["a", "b"]}


@pytest.mark.parametrize(
    ("body", "limits", "code"),
    [
        ("while True: pass", {"seconds": 0.2}, "code_timeout"),
        ("return [0] * 10**8", {"memoryBytes": 2**21}, "code_memory"),
        ("return 'x' * 100", {"outputBytes": 50}, "code_output"),
        ("return open('/etc/passwd').read()", {}, "code_raised"),
    ],
)
async def test_limits_hold(sandboxed: Any, body: str, limits: dict[str, Any], code: str) -> None:
    with pytest.raises(StepError) as error:
        await Code().run(sandboxed, settings(f"def run():\n    {body}", limits=limits), {})
    assert error.value.code == code


async def test_the_trusted_runner_is_off_until_the_operator_allows_it(sandboxed: Any) -> None:
    given = settings("import os\ndef run():\n    return os.path.exists('/etc')", runner="trusted")
    with pytest.raises(StepError) as error:
        await Code().run(sandboxed, given, {})
    assert error.value.code == "code_untrusted"
    sandboxed.services.sandbox.trusted = TrustedPython(enabled=True)
    assert await Code().run(sandboxed, given, {}) is True


def test_faults_and_inputs_are_known_without_running() -> None:
    assert dict(Code().check(settings("def run(x:\n")))["source"].startswith("line 1")
    assert not list(Code().check(settings("def run(x, y=1):\n    return x")))
    assert Code().required_inputs(settings("def run(x, y=1):\n    return x")) == {"x"}
    assert Code().required_inputs(settings("def run(x:\n")) == frozenset()
    with pytest.raises(ValidationError):
        settings("def run(): pass", limits={"seconds": 3600})
