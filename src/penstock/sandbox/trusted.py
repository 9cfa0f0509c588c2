"""Trusted Python: a program in a plain Python subprocess, with all that the operator's user may do.

This is no security boundary. The limits guard against accidents, not against intent: the program can read files, use
the network and start processes. It is off unless the operator sets `PENSTOCK_TRUSTED_PYTHON=1`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process

from penstock.errors import StepError
from penstock.sandbox.program import ProgramError, SandboxLimits, decoded, encoded, read_program
from penstock.types import Json, JsonObject

SWITCH = "PENSTOCK_TRUSTED_PYTHON"
MAX_PROCESSES = 4
_READ_BYTES = 65_536
_OUTCOME_ROOM_BYTES = 10_000
"""What an outcome may take beside the result: its frame, or an error's message."""

_BOOT = """
import json, sys
def main():
    outcome = sys.stdout
    sys.stdout = sys.stderr
    task = json.load(sys.stdin)
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (task["memoryBytes"], task["memoryBytes"]))
    except (ImportError, ValueError, OSError):
        pass
    space = {"__name__": "program"}
    try:
        exec(compile(task["source"], "program", "exec"), space)
        result = space["run"](**task["arguments"])
    except MemoryError:
        answer = {"code": "code_memory", "message": "the program took too much memory"}
    except BaseException as error:
        lines, trace = [], error.__traceback__
        while trace:
            lines += [trace.tb_lineno] if trace.tb_frame.f_code.co_filename == "program" else []
            trace = trace.tb_next
        place = f"line {lines[-1]}: " if lines else ""
        answer = {"code": "code_raised", "message": f"{place}{type(error).__name__}: {error}"[:2000]}
    else:
        try:
            answer = {"result": json.dumps(result, ensure_ascii=False, allow_nan=False)}
        except (TypeError, ValueError, RecursionError) as error:
            answer = {"code": "code_output", "message": f"the result is not JSON: {error}"[:2000]}
    json.dump(answer, outcome)
    outcome.flush()
main()
"""


class TrustedPython:
    """Runs programs in processes of their own, a few at a time.

    `enabled` None asks the environment. The process gets no environment variables and is killed, with all that it
    started in its process group, when its time is over or the run is cancelled.
    """

    def __init__(self, *, enabled: bool | None = None, processes: int = MAX_PROCESSES) -> None:
        self.enabled = os.environ.get(SWITCH) == "1" if enabled is None else enabled
        self._places = asyncio.Semaphore(processes)

    async def run(self, source: str, inputs: JsonObject, limits: SandboxLimits | None = None) -> Json:
        """Call the program's `run` with the inputs it names; its return value.

        Raises `StepError` with the codes of `Sandbox.run`, and `code_untrusted` when trusted Python is off.
        """
        if not self.enabled:
            raise StepError("code_untrusted", f"trusted Python is off here; the operator allows it with {SWITCH}=1")
        limits = limits or SandboxLimits()
        try:
            arguments = read_program(source).arguments(inputs)
        except ProgramError as error:
            raise StepError("code_syntax", str(error)) from None
        task = encoded({"source": source, "arguments": arguments, "memoryBytes": limits.memory_bytes})
        async with self._places:
            return _result(await self._outcome(task, limits), limits)

    async def _outcome(self, task: str, limits: SandboxLimits) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-c", _BOOT),
            stdin=PIPE,
            stdout=PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(limits.seconds):
                # The result is JSON inside JSON in ASCII: a character takes six bytes at worst.
                return await _exchange(process, task.encode(), 6 * limits.output_bytes + _OUTCOME_ROOM_BYTES)
        except TimeoutError:
            raise StepError("code_timeout", f"the program took longer than {limits.seconds} s") from None
        finally:
            await _end(process)


async def _exchange(process: Process, task: bytes, most: int) -> bytes:
    assert process.stdin is not None  # noqa: S101 - it was asked for as a pipe
    assert process.stdout is not None  # noqa: S101
    process.stdin.write(task)
    try:
        await process.stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # It died before it read the task; its empty answer tells.
    process.stdin.close()
    answer = bytearray()
    while chunk := await process.stdout.read(_READ_BYTES):
        answer += chunk
        if len(answer) > most:
            raise StepError("code_output", "the result is too large")
    return bytes(answer)


async def _end(process: Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    await process.wait()


def _result(answer: bytes, limits: SandboxLimits) -> Json:
    import msgspec

    try:
        outcome = msgspec.json.decode(answer, type=dict[str, str])
    except msgspec.DecodeError:
        raise StepError("code_crashed", "the program's process died without an answer", retryable=True) from None
    if "result" in outcome:
        return decoded(outcome["result"], limits)
    raise StepError(outcome["code"], outcome["message"])
