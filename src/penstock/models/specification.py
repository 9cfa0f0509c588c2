"""What a user says about a model that is saved, checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from penstock.errors import FieldError, Invalid
from penstock.models.providers.registry import PROVIDERS
from penstock.types import JsonObject

RESERVED = frozenset({"messages", "model", "stream"})
"""What Penstock itself says in every call."""
MAX_PAYLOAD_BYTES = 64 * 1024

_Rate = Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=18)]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        protected_namespaces=(),
        hide_input_in_errors=True,
    )


class PricingSpecification(_Model):
    """US dollars per million tokens, as decimal strings or numbers."""

    input_per_million_usd: _Rate
    output_per_million_usd: _Rate
    cached_input_per_million_usd: _Rate | None = None


class ModelSpecification(_Model):
    """A model to save. It is named by its id, its name or its key, wherever a model is named."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[^\s/\x00-\x1f\x7f]([^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f])?$",
            max_length=256,
            description="For people; unique among the project's models.",
        ),
    ]
    provider: Annotated[str, Field(description="Whose wire it speaks.", json_schema_extra={"enum": list(PROVIDERS)})]
    model_name: Annotated[str, Field(min_length=1, max_length=1024, description="Its name at the provider.")]
    key: Annotated[
        str | None,
        Field(pattern=r"^[a-z0-9][a-z0-9./-]*$", max_length=256, description="For programs; unique, too."),
    ] = None
    description: Annotated[str | None, Field(max_length=500)] = None
    base_url: Annotated[
        str | None,
        Field(
            max_length=2048,
            pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$",
            description="`https://host`, `https://host/v1` or `https://host/v1/chat/completions`.",
        ),
    ] = None
    api_key: Annotated[str | None, Field(min_length=1, max_length=4096, description="Never sent back.")] = None
    max_tokens: Annotated[int | None, Field(ge=1, le=10_000_000, description="For calls that say nothing else.")] = None
    extra_payload: Annotated[
        dict[str, JsonValue] | None,
        Field(description="Members of every request's body; a call's own parameters win."),
    ] = None
    pricing: PricingSpecification | None = None

    @field_validator("provider")
    @classmethod
    def _known(cls, provider: str) -> str:
        if provider not in PROVIDERS:
            raise ValueError(f"must be one of {', '.join(PROVIDERS)}")
        return provider

    @field_validator("extra_payload")
    @classmethod
    def _payload(cls, payload: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        taken = sorted(RESERVED & set(payload or ()))
        if taken:
            raise ValueError(f"must not hold {', '.join(taken)}: Penstock says that itself")
        if payload and len(msgspec.json.encode(payload)) > MAX_PAYLOAD_BYTES:
            raise ValueError(f"must be at most {MAX_PAYLOAD_BYTES:,} bytes of JSON")
        return payload or None


class NewModel(ModelSpecification):
    """A model to save, and whether to try it: it is asked for one token."""

    probe: Annotated[bool, Field(description="Say how that went; the model is saved in any case.")] = False
    require_probe: Annotated[bool, Field(description="Save the model only if it answers.")] = False


S = TypeVar("S", bound=ModelSpecification)


def checked(body: JsonObject, kind: type[S]) -> S:
    """Raises `Invalid` that names each wrong field. No error quotes a value: one of them may be a key."""
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        faults = tuple(_field_error(fault) for fault in error.errors(include_input=False, include_url=False))
        raise Invalid("model_invalid", "The model is not valid.", errors=faults) from None


def changed(current: ModelSpecification, changes: JsonObject) -> ModelSpecification:
    """The specification with some fields replaced. Raises `Invalid`."""
    return checked({**current.model_dump(by_alias=True), **changes}, ModelSpecification)


def _field_error(fault: ErrorDetails) -> FieldError:
    path = ".".join(str(part) for part in fault["loc"])
    return FieldError(path, fault["msg"].removeprefix("Value error, "))
