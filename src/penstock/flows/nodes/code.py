"""`code`: a small Python function."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from penstock.flows.nodes.base import DocumentModel, Node, NodeContext, NodeSettings, node
from penstock.sandbox.program import ProgramError, SandboxLimits, check, read_program
from penstock.types import Json, JsonObject

_MEBIBYTE = 1024 * 1024


class CodeLimits(DocumentModel):
    seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    memory_bytes: Annotated[int, Field(ge=_MEBIBYTE, le=1024 * _MEBIBYTE)] = 64 * _MEBIBYTE
    output_bytes: Annotated[int, Field(ge=1, le=10 * _MEBIBYTE)] = _MEBIBYTE
    """Length of the result as JSON."""


class CodeSettings(NodeSettings):
    type: Literal["code"] = "code"
    source: str
    """Python that defines `run`: its parameters are inputs of the node, its return value is `out`."""
    limits: CodeLimits = CodeLimits()
    runner: Literal["sandbox", "trusted"] = "sandbox"
    """`sandbox`: a subset of Python, without files, network or environment. `trusted`: all of Python in a subprocess,
    which is no security boundary and runs only where the operator allows it."""


@node
class Code(Node[CodeSettings]):
    """Runs a small Python function over the inputs."""

    name = "code"
    title = "Code"
    settings = CodeSettings
    effectful: ClassVar[bool] = True
    default_timeout_seconds: ClassVar[float] = 120.0

    async def run(self, ctx: NodeContext, settings: CodeSettings, inputs: JsonObject) -> Json:
        limits = SandboxLimits(**settings.limits.model_dump())
        sandbox = ctx.services.sandbox
        runner = sandbox.trusted if settings.runner == "trusted" else sandbox
        return await runner.run(settings.source, inputs, limits)

    def check(self, settings: CodeSettings) -> Iterable[tuple[str, str]]:
        fault = check(settings.source)
        if fault is not None:
            yield "source", fault

    def required_inputs(self, settings: CodeSettings) -> frozenset[str]:
        try:
            return read_program(settings.source).required
        except ProgramError:
            return frozenset()
