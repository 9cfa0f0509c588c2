"""What a user says about a model that is saved, checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from penstock.errors import FieldError, Invalid
from penstock.models.providers.registry import PROVIDERS
from penstock.types import JsonObject

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
    """A model to save: `{"name", "provider", "baseUrl", "apiKey", "modelName", "pricing"?}`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/:@-]*$", max_length=128)]
    provider: str
    model_name: Annotated[str, Field(min_length=1, max_length=1024)]
    base_url: Annotated[str | None, Field(max_length=2048, pattern=r"^https?://[^\s/?#@]+[^\s?#]*$")] = None
    api_key: Annotated[str | None, Field(min_length=1, max_length=4096)] = None
    pricing: PricingSpecification | None = None

    @field_validator("provider")
    @classmethod
    def _known(cls, provider: str) -> str:
        if provider not in PROVIDERS:
            raise ValueError(f"must be one of {', '.join(PROVIDERS)}")
        return provider


def checked(body: JsonObject) -> ModelSpecification:
    """Raises `Invalid` that names each wrong field. No error quotes a value: one of them may be a key."""
    try:
        return ModelSpecification.model_validate(body)
    except ValidationError as error:
        faults = tuple(_field_error(fault) for fault in error.errors(include_input=False, include_url=False))
        raise Invalid("model_invalid", "The model is not valid.", errors=faults) from None


def changed(current: ModelSpecification, changes: JsonObject) -> ModelSpecification:
    """The specification with some fields replaced. Raises `Invalid`."""
    return checked({**current.model_dump(by_alias=True), **changes})


def _field_error(fault: ErrorDetails) -> FieldError:
    path = ".".join(str(part) for part in fault["loc"])
    return FieldError(path, fault["msg"].removeprefix("Value error, "))
