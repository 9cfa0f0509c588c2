"""`code_tests`: the answer is Python code, and is right when its tests pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from penstock.evaluations.scorers.base import (
    Outcome,
    Sample,
    Scorer,
    ScorerSettings,
    ScoringContext,
    Unscorable,
    scored,
    scorer,
)
from penstock.evaluations.scorers.reading.code import code_in, completed, is_python
from penstock.sandbox.code_tests import Exchange, Found, FunctionTests, test_functions, test_program
from penstock.sandbox.locked import LockedLimits
from penstock.types import Json

MAX_CODE_CHARS = 1_000_000
MAX_TESTS = 1_000
_MEBIBYTE = 1024 * 1024


class CodeTestsSettings(ScorerSettings):
    type: Literal["code_tests"] = "code_tests"
    score: Literal["all", "share"] = "all"
    """`all`: 1 when every test passes, else 0. `share`: the part of the tests that pass."""
    seconds: Annotated[float, Field(gt=0, le=60)] = 10.0
    """For all tests of functions together, or for one run of a program."""
    memory_bytes: Annotated[int, Field(ge=64 * _MEBIBYTE, le=8192 * _MEBIBYTE)] = 512 * _MEBIBYTE


@scorer
class CodeTests(Scorer[CodeTestsSettings]):
    """Runs the code of the answer, locked in, against the tests of the row."""

    kind = "code_tests"
    title = "Code tests"
    settings_type = CodeTestsSettings
    recorded: ClassVar[bool] = True
    timeout_seconds: ClassVar[float] = 3600.0  # Each program has its own limit; to wait for one's turn is no fault.

    async def score(self, sample: Sample, ctx: ScoringContext) -> Outcome:
        tests = _tests(sample)
        if isinstance(tests, Unscorable):
            return tests
        entry_point = tests.entry_point if isinstance(tests, FunctionTests) else None
        code = code_in(sample.text, entry_point)
        if len(code) > MAX_CODE_CHARS:
            return scored(0, None, f"The code is longer than {MAX_CODE_CHARS:,} characters.")
        code = code.encode("utf-8", "replace").decode()
        settings, locked = self.settings, ctx.services.sandbox.locked
        limits = LockedLimits(seconds=settings.seconds, memory_bytes=settings.memory_bytes)
        if isinstance(tests, FunctionTests):
            program = completed(_prompt(sample), code, entry_point)
            found = await test_functions(locked, program, tests, limits)
        else:
            found = await test_program(locked, code, tests, limits, stop_early=settings.score == "all")
        return self._outcome(found, code)

    def _outcome(self, found: Found, code: str) -> Outcome:
        if found.broken is not None:
            return Unscorable(f"The tests of the row do not run: {found.broken}")
        right = found.passed == found.total
        value = float(right) if self.settings.score == "all" else found.passed / found.total
        failure = "" if right or not found.failure else f" First failure: {found.failure}."
        return scored(value, code, f"{found.passed} of {found.total} tests passed.{failure}")


def _tests(sample: Sample) -> FunctionTests | Sequence[Exchange] | Unscorable:
    """The tests of a row: `metadata.test` with `entry_point` (as in HumanEval), or a list: `metadata.tests`,
    `metadata.test_list` (as in MBPP), or the truth."""
    metadata = sample.metadata
    entry_point = metadata.get("entry_point")
    if isinstance(metadata.get("test"), str):
        setup = [prompt] if (prompt := _prompt(sample)) is not None else []
        return FunctionTests([str(metadata["test"])], setup, entry_point if isinstance(entry_point, str) else None)
    listed = metadata.get("tests") or metadata.get("test_list") or sample.truth
    if isinstance(listed, str):
        listed = [listed]
    if not isinstance(listed, Sequence) or not listed:
        return Unscorable("The row has no tests: neither metadata.test nor metadata.tests nor a truth.")
    if len(listed) > MAX_TESTS:
        return Unscorable(f"The row has {len(listed):,} tests; {MAX_TESTS:,} is most.")
    if all(isinstance(test, str) for test in listed):
        return FunctionTests([str(test) for test in listed], _setup(metadata))
    exchanges = [_exchange(test) for test in listed]
    if any(exchange is None for exchange in exchanges):
        return Unscorable('The tests of the row are neither Python sources nor objects {"input", "output"} of texts.')
    return [exchange for exchange in exchanges if exchange is not None]


def _setup(metadata: Mapping[str, Json]) -> list[str]:
    given: list[Json] = []
    for name in ("test_imports", "test_setup_code", "setup"):
        value = metadata.get(name)
        given += value if isinstance(value, list | tuple) else [value]
    return [text for text in given if isinstance(text, str) and text.strip()]


def _exchange(test: Json) -> Exchange | None:
    if not isinstance(test, Mapping):
        return None
    given, expected = test.get("input", ""), test.get("output")
    return Exchange(given, expected) if isinstance(given, str) and isinstance(expected, str) else None


def _prompt(sample: Sample) -> str | None:
    """The code that the answer completes, where the row has one; a prompt in words is none."""
    prompt = sample.metadata.get("prompt")
    return prompt if isinstance(prompt, str) and is_python(prompt) else None
