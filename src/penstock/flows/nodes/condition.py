"""`condition`: sends the item one way; what lies on the other ways is skipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from penstock.errors import StepError
from penstock.flows.expressions import ExpressionError, expression
from penstock.flows.nodes.base import DocumentModel, Node, NodeContext, NodeSettings, node
from penstock.types import Json, JsonObject

MAX_BRANCHES = 50
_RESERVED = frozenset({"out", "_input"})

BranchName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=100)]


class Branch(DocumentModel):
    name: BranchName
    when: str
    """An expression over the inputs that is true or false."""


class ConditionSettings(NodeSettings):
    type: Literal["condition"] = "condition"
    expression: str | None = None
    """An expression over the inputs that is true or false: the branches are `true` and `false`."""
    branches: Annotated[list[Branch], Field(max_length=MAX_BRANCHES)] = Field(default_factory=list)
    """In the place of `expression`: tried in this order, the first that is true is taken."""
    otherwise: BranchName = "otherwise"
    """The branch that is taken when none of `branches` is."""


@node
class Condition(Node[ConditionSettings]):
    """Chooses a branch. `node.<branch>.x` is the node's input `x`, for the nodes on that branch only."""

    name = "condition"
    title = "Conditional"
    settings = ConditionSettings
    role = "condition"

    async def run(self, ctx: NodeContext, settings: ConditionSettings, inputs: JsonObject) -> Json:
        return {"branch": _taken(settings, inputs)}

    def branch_names(self, settings: ConditionSettings) -> tuple[str, ...]:
        """The branches in the order they are tried, the one for everything else last."""
        if settings.expression is not None:
            return ("true", "false")
        return (*(branch.name for branch in settings.branches), settings.otherwise)

    def check(self, settings: ConditionSettings) -> Iterable[tuple[str, str]]:
        if (settings.expression is None) == (not settings.branches):
            yield "expression", "give either an expression or branches"
        names = self.branch_names(settings)
        for name in sorted({name for name in names if names.count(name) > 1 or name in _RESERVED}):
            yield "branches", f"the branch name {name!r} is taken"
        for path, source in _sources(settings):
            try:
                expression(source)
            except ExpressionError as error:
                yield path, str(error)

    def required_inputs(self, settings: ConditionSettings) -> frozenset[str]:
        required = frozenset[str]()
        for _, source in _sources(settings):
            try:
                required |= expression(source).required
            except ExpressionError:
                pass  # `check` reports it.
        return required

    def output_schema(self, settings: ConditionSettings) -> JsonObject | None:
        return {"type": "object", "properties": {"branch": {"enum": list(self.branch_names(settings))}}}


def _sources(settings: ConditionSettings) -> Iterator[tuple[str, str]]:
    if settings.expression is not None:
        yield "expression", settings.expression
    for index, branch in enumerate(settings.branches):
        yield f"branches[{index}].when", branch.when


def _taken(settings: ConditionSettings, inputs: JsonObject) -> str:
    if settings.expression is not None:
        return "true" if _holds(settings.expression, inputs) else "false"
    return next((branch.name for branch in settings.branches if _holds(branch.when, inputs)), settings.otherwise)


def _holds(source: str, inputs: JsonObject) -> bool:
    value = expression(source).evaluate(inputs)
    if not isinstance(value, bool):
        raise StepError(
            "not_boolean", f"the condition {source!r} gave a {type(value).__name__}; compare it, or use `|bool`"
        )
    return value
