"""What Penstock answers about scorers, as typed values."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from penstock.client.objects import Record


class Scorer(Record, frozen=True, kw_only=True):
    """One version of a saved scorer; `definition` has its type and all of its settings."""

    id: str
    name: str
    description: str = ""
    version: int
    latest_version: int
    definition: dict[str, Any]
    created_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def type(self) -> str:
        """What kind of scorer it is."""
        return str(self.definition.get("type", ""))


class ReadyMadePrompt(Record, frozen=True, kw_only=True):
    """A prompt for judges that comes with Penstock."""

    name: str
    title: str = ""
    description: str = ""


class ScorerType(Record, frozen=True, kw_only=True):
    """A type of scorer; `settings` is the JSON Schema of its definition. A `recorded` one calls models or starts
    processes."""

    type: str
    title: str = ""
    description: str = ""
    recorded: bool = False
    version: int = 1
    settings: dict[str, Any] = msgspec.field(default_factory=dict)
    prompts: tuple[ReadyMadePrompt, ...] = ()


class ScoreOutcome(Record, frozen=True, kw_only=True):
    """`scored` with a value, and what was taken for the answer; or `unscorable` or `error` with a reason."""

    status: Literal["scored", "unscorable", "error"]
    value: float | None = None
    answer: str | None = None
    explanation: str | None = None
    reason: str | None = None


class ScorerTried(Record, frozen=True, kw_only=True):
    """What a scorer made of one sample."""

    name: str
    type: str
    outcome: ScoreOutcome
    model_calls: int = 0
