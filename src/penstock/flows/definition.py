"""The flow document: YAML, the editor and Python all make this one, and one schema checks it."""

from __future__ import annotations

from typing import Annotated, Any, Union

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from penstock.errors import FieldError, Unprocessable
from penstock.executions.model import LogInputs
from penstock.flows.budget import BudgetSettings
from penstock.flows.document_text import Lines, line_of
from penstock.flows.nodes import registry
from penstock.flows.nodes.base import DocumentModel, NodeSettings
from penstock.flows.schemas import InputField, dotted
from penstock.redaction import MAX_RULES, Redaction, faults_of
from penstock.types import JsonObject

FLOW_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"
MAX_NODES = 500


class MaxFailedPolicy(DocumentModel):
    max_failed: Annotated[int, Field(ge=0)] | Annotated[str, Field(pattern=r"^[0-9]{1,2}(\.[0-9]+)?%$|^100%$")]
    """Stop when more items than this failed: a number, or a share such as `5%`."""


class RedactSettings(DocumentModel):
    """What logs and callbacks of the flow must not show."""

    fields: list[str] = Field(default=[], max_length=MAX_RULES)
    """Names, or dotted paths such as `user.email`, at any depth."""
    patterns: list[str] = Field(default=[], max_length=MAX_RULES)
    """RE2 patterns of texts."""

    @model_validator(mode="after")
    def _usable(self) -> RedactSettings:
        faults = faults_of(self.rules())
        if faults:
            raise ValueError("; ".join(f"{fault.path} {fault.message}" for fault in faults))
        return self

    def rules(self) -> Redaction:
        """The same, as executions carry it."""
        return Redaction(tuple(self.fields), tuple(self.patterns))


class FlowSettings(DocumentModel):
    """Defaults of every run of the flow; a call may set its own."""

    on_item_error: Annotated[str, Field(pattern="^(continue|failFast)$")] | MaxFailedPolicy = "continue"
    concurrency: Annotated[int, Field(ge=1, le=5000)] | None = None
    """Items under way at once."""
    deadline_seconds: Annotated[float, Field(gt=0, le=7 * 86400)] | None = None
    budget: BudgetSettings | None = None
    log_inputs: LogInputs = "first"
    """Of which items the log keeps what nodes received; `first`: of the first 100, and of every step that failed."""
    redact: RedactSettings | None = None


class FlowDocument(DocumentModel):
    """A flow, with nodes already parsed into the settings of their type."""

    name: Annotated[str, Field(pattern=FLOW_NAME)]
    description: str | None = None
    input: dict[str, InputField] = Field(default_factory=dict)
    settings: FlowSettings = Field(default_factory=FlowSettings)
    nodes: dict[str, Any]
    """Node name → settings of its type."""
    output: dict[str, str] | str | None = None
    """Field → reference, or one reference; none: the last node's output."""

    @field_validator("nodes")
    @classmethod
    def _some_nodes(cls, nodes: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= len(nodes) <= MAX_NODES:
            raise ValueError(f"a flow has 1 to {MAX_NODES} nodes")
        return nodes


def parse_document(value: JsonObject, lines: Lines | None = None) -> FlowDocument:
    """Check a document's form: every field, every node against the settings of its type.

    Raises `Unprocessable` with every fault found, each with its path and, for YAML, its line.
    """
    errors: list[FieldError] = []
    known_lines = lines or {}
    nodes = _parse_nodes(value.get("nodes"), errors)
    try:
        document = FlowDocument.model_validate({**value, "nodes": nodes if nodes is not None else value.get("nodes")})
    except ValidationError as error:
        errors[:0] = field_errors(error, "")
    if errors:
        raise unprocessable(errors, known_lines)
    return document


def unprocessable(errors: list[FieldError], lines: Lines) -> Unprocessable:
    """The problem of an invalid document, each fault with the line of its place."""
    placed = tuple(FieldError(e.path, e.message, e.line or line_of(e.path, lines)) for e in errors)
    first = placed[0]
    where = f" (line {first.line})" if first.line else ""
    more = f" And {len(placed) - 1} more." if len(placed) > 1 else ""
    return Unprocessable("flow_invalid", f"{first.path or 'document'}{where}: {first.message}.{more}", errors=placed)


def field_errors(error: ValidationError, prefix: str) -> list[FieldError]:
    """Pydantic's faults as paths in the document."""
    found = []
    for fault in error.errors(include_url=False):
        location = [part for part in fault["loc"] if not _is_union_tag(part)]
        inner = dotted(location)
        path = f"{prefix}.{inner}" if prefix and inner else prefix or inner
        found.append(FieldError(path, _message(fault)))
    return found


def _message(fault: Any) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return "is not known here"
        case "missing":
            return "is required"
        case _:
            text: str = fault["msg"].removeprefix("Value error, ")
            return text[:1].lower() + text[1:]


def _is_union_tag(part: Any) -> bool:
    """Pydantic names the member of a union it tried (`constrained-str`, `MaxFailedPolicy`): no place in a document."""
    return isinstance(part, str) and ("[" in part or part in _UNION_TAGS)


_UNION_TAGS = frozenset({"constrained-str", "constrained-int", "str", "int", "dict", "list", "MaxFailedPolicy"}) | {
    "ErrorValue",
    "Connector",
}


def _parse_nodes(value: Any, errors: list[FieldError]) -> dict[str, NodeSettings] | None:
    if not isinstance(value, dict):
        return None
    known = registry()
    nodes: dict[str, NodeSettings] = {}
    for name, raw in value.items():
        path = f"nodes.{name}"
        if isinstance(raw, NodeSettings):
            nodes[name] = raw
            continue
        kind = raw.get("type") if isinstance(raw, dict) else None
        if not isinstance(kind, str) or kind not in known:
            errors.append(FieldError(f"{path}.type" if isinstance(raw, dict) else path, _unknown_type(kind, known)))
            continue
        try:
            nodes[name] = known[kind].settings.model_validate(raw)
        except ValidationError as error:
            errors.extend(field_errors(error, path))
    return nodes


def _unknown_type(kind: Any, known: Any) -> str:
    names = ", ".join(sorted(known))
    return f"a node needs a type, one of {names}" if kind is None else f"there is no node type {kind!r}; known: {names}"


def document_json(document: FlowDocument) -> dict[str, Any]:
    """The document as JSON, as it is stored: only what was written, in one form (connectors become references)."""
    dumped = document.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"nodes"})
    dumped["nodes"] = {
        name: node.model_dump(mode="json", by_alias=True, exclude_unset=True) for name, node in document.nodes.items()
    }
    return dumped


def document_schema() -> dict[str, Any]:
    """JSON Schema of the document, with the settings of every node type that is installed."""
    settings = [node.settings for node in registry().values()]
    union: TypeAdapter[Any] = TypeAdapter(Annotated[Union[tuple(settings)], Field(discriminator="type")])  # type: ignore[arg-type]  # noqa: UP007
    nodes = union.json_schema(by_alias=True, ref_template="#/$defs/{model}")
    schema = FlowDocument.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
    definitions = {**schema.pop("$defs", {}), **nodes.pop("$defs", {}), "Node": nodes}
    schema["properties"]["nodes"] = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": MAX_NODES,
        "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "additionalProperties": {"$ref": "#/$defs/Node"},
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Flow", **schema, "$defs": definitions}
