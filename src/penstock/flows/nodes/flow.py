"""`flow`: another flow as one node."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from penstock.errors import StepError
from penstock.flows.nodes.base import Node, NodeContext, NodeSettings, node
from penstock.types import Json, JsonObject

MAX_FLOW_DEPTH = 5


class FlowNodeSettings(NodeSettings):
    type: Literal["flow"] = "flow"
    flow: str
    """Id or name of the flow to run; its inputs are the node's inputs."""
    version: Annotated[int, Field(ge=1)] | None = None
    """A fixed version; none: the one deployed when the execution is submitted."""


@node
class FlowNode(Node[FlowNodeSettings]):
    """Runs another flow in its place: `out` is that flow's output. Its steps are recorded as `node/inner`."""

    name = "flow"
    title = "Flow"
    settings = FlowNodeSettings
    role = "flow"

    def check(self, settings: FlowNodeSettings) -> Iterable[tuple[str, str]]:
        for name, given in (
            ("retry", settings.retry),
            ("timeoutSeconds", settings.timeout_seconds),
            ("until", settings.until),
        ):
            if given is not None:
                yield name, "a flow node takes none: its steps are those of the nodes inside, which have their own"

    async def run(self, ctx: NodeContext, settings: FlowNodeSettings, inputs: JsonObject) -> Json:
        raise StepError("flow_not_walked", "A flow node is walked, not run.")
