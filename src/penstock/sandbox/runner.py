"""Runs users' programs where they can do no harm: monty, an interpreter of a subset of Python without files, network
or environment, in worker processes with limits of time, memory, recursion and sleep.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from penstock.errors import StepError
from penstock.sandbox.locked import LockedPython
from penstock.sandbox.program import ProgramError, SandboxLimits, check, decoded, encoded, read_program
from penstock.sandbox.trusted import TrustedPython
from penstock.types import Json, JsonObject

if TYPE_CHECKING:
    from pydantic_monty import (
        AsyncMonty,
        AsyncMontySession,
        MontyError,
        MontyRuntimeError,
        MontySyntaxError,
        ResourceLimits,
    )

__all__ = ["Sandbox", "SandboxLimits", "check"]

MAX_WORKERS = 4
_MAX_SESSIONS_PER_WORKER = 1_000
_CALL = "\nimport json as __json\n__result = run(**__json.loads(__inputs))"
_RESULT = "__json.dumps(__result, ensure_ascii=False)"


class Sandbox:
    """A few worker processes, started when the first program runs; each run has a fresh interpreter.

    Runs beyond the number of workers wait for their turn. A worker that dies is replaced, and so is that of a run
    that is cancelled. `trusted` is the other way to run a program, which is no sandbox; the operator allows it.
    `locked` is for whole scripts that need all of Python.
    """

    def __init__(self, *, workers: int | None = None, trusted: TrustedPython | None = None) -> None:
        self._workers = workers or min(MAX_WORKERS, os.cpu_count() or 1)
        self._pool: AsyncMonty | None = None
        self._starting = asyncio.Lock()
        self.trusted = trusted or TrustedPython()
        self.locked = LockedPython()

    async def run(self, source: str, inputs: JsonObject, limits: SandboxLimits | None = None) -> Json:
        """Call the program's `run` with the inputs it names; its return value.

        Raises `StepError`: `code_syntax`, `code_raised` (with the line), `code_timeout`, `code_memory`, `code_output`
        (the value is not JSON, or too large), and, retryable, `code_crashed` (the worker died).
        """
        from pydantic_monty import MontyError

        limits = limits or SandboxLimits()
        try:
            arguments = read_program(source).arguments(inputs)
        except ProgramError as error:
            raise StepError("code_syntax", str(error)) from None
        pool = await self._started()
        try:
            async with pool.checkout(script_name="code", limits=_resources(limits)) as session:
                text = await self._result(session, source, encoded(arguments))
        except MontyError as error:
            raise _step_error(error) from None
        return decoded(text, limits)

    async def _result(self, session: AsyncMontySession, source: str, arguments: str) -> str:
        from pydantic_monty import MontyRuntimeError

        await session.feed_run(source + _CALL, inputs={"__inputs": arguments}, print_callback=_ignore)
        try:
            text: str = await session.feed_run(_RESULT, print_callback=_ignore)
        except MontyRuntimeError as error:
            if isinstance(error.exception(), TypeError | ValueError):
                raise StepError("code_output", f"the result is not JSON: {error.exception()}") from None
            raise
        return text

    async def _started(self) -> AsyncMonty:
        from pydantic_monty import AsyncMonty

        async with self._starting:
            if self._pool is None:
                pool = AsyncMonty(
                    min_processes=0,
                    max_processes=self._workers,
                    max_checkouts_per_worker=_MAX_SESSIONS_PER_WORKER,
                )
                self._pool = await pool.__aenter__()
            return self._pool

    async def close(self) -> None:
        """End every worker process; nothing can be run afterwards until the next `run` starts new ones."""
        async with self._starting:
            pool, self._pool = self._pool, None
            if pool is not None:
                await pool.__aexit__(None, None, None)


def _resources(limits: SandboxLimits) -> ResourceLimits:
    return {
        "max_feed_duration_secs": limits.seconds,
        "max_total_sleep_secs": limits.seconds,
        "max_memory": limits.memory_bytes,
    }


def _ignore(_stream: str, _text: str) -> None:
    """Programs may print; nobody reads it."""


def _step_error(error: MontyError) -> StepError:
    from pydantic_monty import MontyCrashedError, MontyRuntimeError, MontySyntaxError

    if isinstance(error, MontyCrashedError):
        if error.timed_out:
            return StepError("code_timeout", "the program ran longer than its limit and was killed")
        return StepError("code_crashed", f"the sandbox's worker died: {error}", retryable=True)
    raised = error.exception()
    place = _place(error) if isinstance(error, MontyRuntimeError | MontySyntaxError) else ""
    if isinstance(error, MontySyntaxError) or isinstance(raised, NotImplementedError):
        return StepError("code_syntax", f"{place}{raised}")
    if isinstance(raised, TimeoutError) and "limit exceeded" in str(raised):
        return StepError("code_timeout", f"{place}the program took too long: {raised}")
    if isinstance(raised, MemoryError):
        return StepError("code_memory", f"{place}the program took too much memory: {raised}")
    return StepError("code_raised", f"{place}{error}")


def _place(error: MontyRuntimeError | MontySyntaxError) -> str:
    """The line of the program that was running; the call of `run`, which stands below it, is not the user's."""
    call = _CALL.rsplit("\n", 1)[1]
    lines = [frame.line for frame in error.traceback() if frame.source_line != call]
    return f"line {lines[-1]}: " if lines else ""
