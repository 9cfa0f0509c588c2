"""A user's program: Python source that defines `run`, whose named parameters are the inputs and whose value is `out`.

def run(text, limit=3):
    return text.split()[:limit]
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from penstock.errors import StepError
from penstock.types import Json, JsonObject

MAX_SOURCE_CHARS = 100_000
ENTRY = "run"
_KEPT = 256


class ProgramError(ValueError):
    """The source is no program; the message says why, and on which line."""


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """What one run may take; `seconds` is time spent running, or asleep."""

    seconds: float = 5.0
    memory_bytes: int = 64 * 1024 * 1024
    output_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Program:
    """What `run` takes: `parameters` are all of its names, `required` those without a default."""

    parameters: frozenset[str]
    required: frozenset[str]
    takes_any: bool

    def arguments(self, inputs: JsonObject) -> dict[str, Json]:
        """The inputs that `run` asks for; all of them when it has a `**parameter`.

        Raises `StepError` `code_raised` naming what is missing.
        """
        missing = sorted(self.required - inputs.keys())
        if missing:
            raise StepError("code_raised", f"`run` needs the input {missing[0]!r}, which the node does not have")
        return {name: value for name, value in inputs.items() if self.takes_any or name in self.parameters}


@lru_cache(_KEPT)
def read_program(source: str) -> Program:
    """Parse a program without running it. Raises `ProgramError`."""
    if len(source) > MAX_SOURCE_CHARS:
        raise ProgramError(f"the source is longer than {MAX_SOURCE_CHARS} characters")
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ProgramError(f"line {error.lineno or 1}: {error.msg}") from None
    except (MemoryError, RecursionError, ValueError):
        raise ProgramError("the source is nested too deep, or holds characters that Python does not read") from None
    definitions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == ENTRY]
    if not definitions:
        raise ProgramError("define the function `run`: its parameters are the inputs, its return value is `out`")
    return _signature(definitions[-1])


def _signature(definition: ast.FunctionDef) -> Program:
    given = definition.args
    if given.posonlyargs or given.vararg:
        raise ProgramError(f"line {definition.lineno}: `run` gets its inputs by name; it cannot take `/` or `*values`")
    undefaulted = given.args[: len(given.args) - len(given.defaults)]
    undefaulted += [name for name, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default is None]
    return Program(
        parameters=frozenset(argument.arg for argument in [*given.args, *given.kwonlyargs]),
        required=frozenset(argument.arg for argument in undefaulted),
        takes_any=given.kwarg is not None,
    )


def check(source: str) -> str | None:
    """What is wrong with a program as far as can be told without running it; None when nothing is."""
    try:
        read_program(source)
    except ProgramError as error:
        return str(error)
    return None


def encoded(arguments: Mapping[str, Json]) -> str:
    """Arguments as JSON, the form in which they travel to the process that runs the program."""
    import msgspec

    return msgspec.json.encode(arguments).decode()


def decoded(text: str | bytes, limits: SandboxLimits) -> Json:
    """A program's result. Raises `StepError` `code_output` when it is too long, or not JSON."""
    import msgspec

    size = len(text.encode()) if isinstance(text, str) else len(text)
    if size > limits.output_bytes:
        raise StepError("code_output", f"the result is larger than {limits.output_bytes} bytes")
    try:
        result: Json = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise StepError("code_output", f"the result is not JSON: {error}") from None
    return result
