"""`json_schema`: the answer is JSON of the right shape."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from penstock.evaluations.scorers.base import (
    Outcome,
    Sample,
    Scorer,
    ScorerSettings,
    ScoringContext,
    Unscorable,
    as_text,
    scored,
    scorer,
)
from penstock.evaluations.scorers.reading.json_text import NotJson, json_of
from penstock.models.structured import Mismatch, SchemaInvalid, check_schema, parsed
from penstock.types import JsonObject


class JsonSchemaSettings(ScorerSettings):
    type: Literal["json_schema"] = "json_schema"
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    """By default the row's `metadata.schema`."""
    find: bool = False
    """Accept JSON among other text; otherwise only a code fence may stand around it."""


@scorer
class JsonSchema(Scorer[JsonSchemaSettings]):
    """1 when the answer is JSON and fits a JSON Schema (any draft that `$schema` names, else 2020-12; nothing is
    fetched). NaN and Infinity are no JSON. It needs no truth."""

    kind = "json_schema"
    title = "JSON Schema"
    settings_type = JsonSchemaSettings

    @classmethod
    def check(cls, settings: JsonSchemaSettings) -> Iterable[tuple[str, str]]:
        if settings.schema_ is not None:
            try:
                check_schema(settings.schema_)
            except SchemaInvalid as error:
                yield "schema", str(error)

    async def score(self, sample: Sample, ctx: ScoringContext) -> Outcome:
        schema = self._schema(sample)
        if schema is None:
            return Unscorable("There is no schema, neither in the scorer's settings nor in the row's metadata.schema.")
        try:
            await parsed(await self._json(sample), schema)
        except SchemaInvalid as error:
            return Unscorable(f"The row's schema cannot be used: {error}")
        except (NotJson, Mismatch) as error:
            return scored(0.0, None, str(error))
        except RecursionError:
            return scored(0.0, None, "the answer is JSON nested too deeply")
        return scored(1.0)

    async def _json(self, sample: Sample) -> str:
        if not self.settings.find:
            return sample.text
        return as_text(await asyncio.to_thread(json_of, sample.output, find=True))

    def _schema(self, sample: Sample) -> JsonObject | None:
        if self.settings.schema_ is not None:
            return self.settings.schema_
        schema = sample.metadata.get("schema")
        return schema if isinstance(schema, Mapping) else None
