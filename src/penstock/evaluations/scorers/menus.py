"""What a judge may answer, and what each answer is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock.types import Json, JsonObject

MAX_STEPS = 100


class _Menu(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class Binary(_Menu):
    """Yes or no: 1 or 0."""

    type: Literal["binary"] = "binary"

    @property
    def answers(self) -> JsonObject:
        """JSON Schema of an answer."""
        return {"type": "string", "enum": ["yes", "no"]}

    @property
    def words(self) -> str:
        """The menu as a judge is told it."""
        return '"yes" or "no"'

    def value(self, answer: Json) -> float:
        """What an answer is worth, 0 to 1."""
        return float(answer == "yes")


class Scale(_Menu):
    """A whole number from `min` to `max`, mapped to 0 to 1."""

    type: Literal["scale"] = "scale"
    min: Annotated[int, Field(ge=-1000, le=1000)] = 1
    max: Annotated[int, Field(ge=-1000, le=1000)] = 5

    @model_validator(mode="after")
    def _has_steps(self) -> Scale:
        if not 0 < self.max - self.min <= MAX_STEPS:
            raise ValueError(f"`max` must be more than `min`, by {MAX_STEPS} at most")
        return self

    @property
    def answers(self) -> JsonObject:
        return {"type": "integer", "minimum": self.min, "maximum": self.max}

    @property
    def words(self) -> str:
        return f"a whole number from {self.min} (worst) to {self.max} (best)"

    def value(self, answer: Json) -> float:
        return (float(answer) - self.min) / (self.max - self.min)  # type: ignore[arg-type]


class Labels(_Menu):
    """One of some words, each with its value."""

    type: Literal["labels"] = "labels"
    labels: Annotated[
        Mapping[Annotated[str, Field(min_length=1, max_length=100)], float], Field(min_length=2, max_length=50)
    ]

    @property
    def answers(self) -> JsonObject:
        return {"type": "string", "enum": list(self.labels)}

    @property
    def words(self) -> str:
        return "one of " + ", ".join(f'"{label}"' for label in self.labels)

    def value(self, answer: Json) -> float:
        return self.labels[str(answer)]


Menu = Annotated[Binary | Scale | Labels, Field(discriminator="type")]


def verdict_schema(menu: Binary | Scale | Labels) -> JsonObject:
    """JSON Schema of a whole verdict: why, and then what."""
    properties: dict[str, Any] = {"reasoning": {"type": "string"}, "answer": menu.answers}
    return {
        "type": "object",
        "properties": properties,
        "required": ["reasoning", "answer"],
        "additionalProperties": False,
    }
