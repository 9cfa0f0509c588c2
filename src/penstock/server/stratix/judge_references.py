"""Judges by their ids: those that come with Penstock have a name for one, which clients here could not tell apart from
an id that is broken."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from penstock.judges.model import version_of
from penstock.judges.ready_made import ready_made
from penstock.server.stratix.references import ModelReferences
from penstock.types import JsonObject


class JudgeSnapshot(msgspec.Struct, rename="camel"):
    """A judge as it was when it was asked."""

    name: str
    version: int
    evaluation_goal: str
    model_id: str
    model_name: str
    model_company: str


def shown_id(judge_id: str) -> str:
    """A judge's id of 24 hexadecimal digits; of a ready-made one the same everywhere, always."""
    return hashlib.sha256(f"judge:{judge_id}".encode()).hexdigest()[:24] if judge_id in ready_made() else judge_id


def known_id(given: str) -> str:
    """By what Penstock knows a judge that is asked for by id or name."""
    return next((name for name in ready_made() if shown_id(name) == given), given)


async def snapshot_of(models: ModelReferences, kept: JsonObject) -> JudgeSnapshot:
    """A pinned version as those clients read it."""
    version = version_of(kept)
    return JudgeSnapshot(
        version.name, version.version, version.goal, **await judging_model(models, version.model or "")
    )


async def judging_model(models: ModelReferences, target: str) -> dict[str, Any]:
    """The members that say which model judges."""
    model = await models.shown(target)
    return {"model_id": model.id, "model_name": model.name, "model_company": model.company}
