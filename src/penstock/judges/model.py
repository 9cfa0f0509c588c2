"""What a judge is, and what it says.

A judge is a goal in words, a model, and a menu of answers. Every change makes a version; whatever a judge has said
keeps a snapshot of the version that said it, so it stays readable when the judge changes or goes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.types import JsonObject, Tenant


@dataclass(frozen=True, slots=True)
class JudgeVersion:
    """One version. `output` is a menu (see `evaluations.scorers.menus`): binary, a scale, or labels with values.

    `threshold`: a score at or above it passes. `model` None: the project's default judge, chosen when a run starts.
    `turns` is how many turns it may take with tools over a trace; 1 gives it everything at once.
    """

    version: int
    name: str
    goal: str
    rubric: str | None
    model: str | None
    output: JsonObject
    threshold: float
    turns: int
    params: JsonObject
    created_at: int
    created_by: str | None


@dataclass(frozen=True, slots=True)
class Judge:
    """A judge with its latest version. `ready_made` ones are part of Penstock: everybody reads them, nobody changes
    them."""

    id: str
    tenant: Tenant
    latest: JudgeVersion
    ready_made: bool
    run_count: int
    created_at: int
    updated_at: int


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """One use of a tool by a judge."""

    tool: str
    args: dict[str, Any]
    result: str


class Verdict(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a judge said: a score from 0 to 1, whether that passes, and why. `answer` is its pick from the menu."""

    score: float
    passed: bool
    reasoning: str
    answer: Any
    model: str
    turns: int
    steps: list[Step] = []
    latency_ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: str | None = None


class Unscorable(msgspec.Struct, frozen=True, rename="camel"):
    """The judge gave no verdict that is on its menu, also after it was asked again."""

    reason: str


def snapshot(judge_id: str, version: JudgeVersion) -> JsonObject:
    """A version as JSON, with whose it is: what is kept wherever a judge has spoken."""
    kept: JsonObject = {"id": judge_id, **msgspec.to_builtins(version)}
    return kept


def version_of(kept: JsonObject) -> JudgeVersion:
    """The version of a snapshot."""
    return msgspec.convert(kept, JudgeVersion)
