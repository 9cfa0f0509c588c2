"""The API input of a flow as JSON Schema, and checking values against it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from jsonschema_rs import Draft202012Validator, FancyRegexOptions, ReferencingError, ValidationError
from pydantic import Field

from penstock.errors import FieldError
from penstock.flows.nodes.base import DocumentModel
from penstock.models.structured import BACKTRACK_LIMIT, MOST_CHECKS, SchemaInvalid, most_checks
from penstock.types import Json

FieldType = Literal["string", "number", "integer", "boolean", "object", "array"]
MAX_ERRORS = 50


class InputField(DocumentModel):
    """One field of a flow's API input; becomes one property of the request's JSON Schema."""

    type: FieldType
    required: bool = False
    description: str | None = None
    default: Any = None
    example: Any = None
    enum: list[Any] | None = None
    format: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: Annotated[int, Field(ge=0)] | None = None
    max_length: Annotated[int, Field(ge=0)] | None = None
    min_items: Annotated[int, Field(ge=0)] | None = None
    max_items: Annotated[int, Field(ge=0)] | None = None
    items: dict[str, Any] | None = None
    """JSON Schema of an array's elements."""
    properties: dict[str, Any] | None = None
    """JSON Schemas of an object's properties."""

    def json_schema(self) -> dict[str, Any]:
        """The JSON Schema of this field."""
        given = self.model_dump(by_alias=True, exclude_unset=True, exclude={"required", "example"})
        if self.example is not None:
            given["examples"] = [self.example]
        return given


class InputSchema:
    """A flow's API input, compiled: checks objects and fills in defaults.

    Raises `SchemaInvalid` for fields that are no JSON Schema, refer to something outside, or take too long to check.
    """

    def __init__(self, fields: Mapping[str, InputField]) -> None:
        self.json_schema: dict[str, Any] = {
            "type": "object",
            "properties": {name: field.json_schema() for name, field in fields.items()},
            "required": [name for name, field in fields.items() if field.required],
            "additionalProperties": False,
        }
        self._defaults = {name: field.default for name, field in fields.items() if "default" in field.model_fields_set}
        try:
            self._validator = Draft202012Validator(
                self.json_schema,
                validate_formats=True,
                offline=True,
                pattern_options=FancyRegexOptions(backtrack_limit=BACKTRACK_LIMIT),
            )
        except (ValueError, ReferencingError) as error:
            raise SchemaInvalid(_cut(str(error).partition("\n\nFailed")[0])) from None
        if most_checks(self.json_schema) > MOST_CHECKS:
            many = f"it refers to itself, or asks for more than {MOST_CHECKS:,} checks of one value"
            raise SchemaInvalid(f"the JSON Schema could take too long: {many}")

    def accept(self, value: Json) -> tuple[dict[str, Json], tuple[FieldError, ...]]:
        """The input with defaults filled in, and every fault by field; nothing is converted silently."""
        if not isinstance(value, dict):
            return {}, (FieldError("", "the input must be a JSON object with the flow's input fields"),)
        filled = {**self._defaults, **value} if self._defaults else value
        if self._validator.is_valid(filled):
            return filled, ()
        return filled, tuple(schema_errors(self._validator, filled))


def input_faults(fields: Mapping[str, InputField]) -> dict[str, str]:
    """What is wrong with the schemas of a flow's input, by field."""
    faults: dict[str, str] = {}
    for name in fields:
        try:
            InputSchema({name: fields[name]})
        except SchemaInvalid as error:
            faults[name] = str(error)
    return faults


def schema_errors(validator: Draft202012Validator, value: Json) -> Iterator[FieldError]:
    """Each fault of a value with the path of the field it is about: `address.city`, `tags[2]`."""
    for found, error in enumerate(validator.iter_errors(value)):
        if found >= MAX_ERRORS:
            return
        yield from _field_errors(error)


def _field_errors(error: ValidationError) -> Iterator[FieldError]:
    kind: Any = error.kind
    path = dotted(error.instance_path)
    if kind.name == "required":
        yield FieldError(_below(path, kind.property), "is required")
    elif kind.name == "additionalProperties":
        for name in kind.unexpected:
            yield FieldError(_below(path, name), "is not a field of this input")
    else:
        yield FieldError(path, _cut(error.message))


def dotted(path: list[Any] | tuple[Any, ...]) -> str:
    """`["a", 0, "b"]` as `a[0].b`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else str(part))
    return text


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _cut(message: str) -> str:
    """A message of readable length. It begins with the value and ends with what is wrong, so the middle goes."""
    return message if len(message) <= 300 else f"{message[:40]}…{message[-100:]}"
