"""How a method becomes a tool: what it is annotated with, and what becomes of the errors of the SDK."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import Field

from penstock.client.errors import (
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    ExecutionError,
    NotFoundError,
    PenstockError,
    PermissionDeniedError,
)
from penstock.client.objects import Execution

READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
MAKES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=False)
"""It adds something, and takes nothing away."""
RUNS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
"""It starts work, which asks models and may cost money."""
STOPS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)

Id = Annotated[str, Field(min_length=1, max_length=200)]
Cursor = Annotated[str | None, Field(description="Where to go on: the next_cursor of the page before.")]
Limit = Annotated[int, Field(ge=1, le=30, description="At most so many.")]
Wait = Annotated[
    float, Field(ge=0, le=50, description="Seconds to wait for the end; the work goes on when they are over.")
]

_ADVICE: tuple[tuple[type[PenstockError], str], ...] = (
    (APITimeoutError, "Try again, with fewer rows or a longer wait."),
    (APIConnectionError, ""),
    (AuthenticationError, "The person who set this up has to put a key of that server into PENSTOCK_API_KEY."),
    (PermissionDeniedError, "This needs a key with that scope; ask the person who set this up."),
    (NotFoundError, "The list tools show what there is."),
    (ExecutionError, "get_execution and read_results show what went wrong."),
)

Tool = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Takes methods in as tools: their docstrings and annotations are what a model reads. `read_only` leaves out all
    that change or start something."""

    server: MCPServer[Any]
    read_only: bool

    def add(self, annotations: ToolAnnotations, *tools: Tool) -> None:
        """Take tools in that are annotated alike."""
        if self.read_only and not annotations.read_only_hint:
            return
        for tool in tools:
            self.server.add_tool(_told(tool), annotations=annotations, structured_output=True)


def _told(tool: Tool) -> Tool:
    """The tool, with what the SDK raises told to the model, which can act on it."""

    @functools.wraps(tool)
    async def call(**arguments: Any) -> Any:
        try:
            return await tool(**arguments)
        except PenstockError as fault:
            advice = next((words for kind, words in _ADVICE if isinstance(fault, kind)), "")
            raise ToolError(f"{str(fault).removesuffix('.')}. {advice}".strip()) from fault

    return call


async def over_or_on(handle: Any, seconds: float) -> Execution:
    """How an execution is after so many seconds, or at its end, however that is."""
    try:
        state: Execution = await handle.wait(seconds) if seconds else await handle.refresh()
    except (APITimeoutError, ExecutionError):
        state = await handle.refresh()
    return state
