"""`/judges`: what a model is to look for in traces and answers."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from msgspec import UNSET
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.clock import iso
from penstock.errors import FieldError, Invalid
from penstock.judges.definition import MAX_GOAL_CHARS, MAX_RUBRIC_CHARS, MAX_TURNS, JudgeChange
from penstock.judges.model import Judge, JudgeVersion
from penstock.judges.ready_made import ready_made
from penstock.server.annotation_answers import AgreementStanding, standing_of
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, page_of, path_id, ref

router = APIRouter(tags=["judges"])
Reads = Annotated[Call, needs("judges:read")]
Writes = Annotated[Call, needs("judges:write")]
Name = Annotated[str, path_id("judge")]


class JudgePatch(BaseModel):
    """What is to be different; the rest stays as it is. Every difference makes a version."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    name: str = Field("", min_length=1, max_length=120)
    evaluation_goal: str = Field("", min_length=1, max_length=MAX_GOAL_CHARS, description="What it is to look for.")
    rubric: str | None = Field(None, max_length=MAX_RUBRIC_CHARS, description="How it is to decide.")
    model: str | None = Field(None, min_length=1, max_length=300, description="Null: the project's default judge.")
    output: str | dict[str, JsonValue] = Field(
        default="binary",
        description='What it may answer: `"binary"`, `"scale"` (1 to 5), `{"type": "scale", "min", "max"}`, or '
        '`{"type": "labels", "labels": {word: value}}` with values from 0 to 1.',
    )
    threshold: float = Field(0.5, ge=0, le=1, description="A score at or above it passes.")
    turns: int = Field(10, ge=1, le=MAX_TURNS, description="How many turns it may take with tools over a long trace.")
    params: dict[str, JsonValue] = Field(default_factory=dict, description="`temperature`, `maxTokens`, …")

    def change(self) -> JudgeChange:
        """What was sent, as the service takes it."""

        def given(name: str) -> Any:
            return getattr(self, name) if name in self.model_fields_set else UNSET

        return JudgeChange(
            name=given("name"),
            goal=given("evaluation_goal"),
            rubric=given("rubric"),
            model=given("model"),
            output=given("output"),
            threshold=given("threshold"),
            turns=given("turns"),
            params=given("params"),
        )


class JudgeBody(JudgePatch):
    """A new judge."""

    name: str = Field(min_length=1, max_length=120)
    evaluation_goal: str = Field(min_length=1, max_length=MAX_GOAL_CHARS, description="What it is to look for.")


class JudgeVersionObject(msgspec.Struct, rename="camel"):
    """One version of a judge. Those that come with Penstock have no time."""

    version: int
    name: str
    evaluation_goal: str
    rubric: str | None
    model: str | None
    output: dict[str, Any]
    threshold: float
    turns: int
    params: dict[str, Any]
    created_at: str | None
    created_by: str | None


class JudgeObject(JudgeVersionObject):
    """A judge in its latest version. `runCount`: for how many verdicts it was asked. `agreement`, told of one of them
    only, is that of the latest version with people."""

    id: str = ""
    ready_made: bool = False
    title: str | None = None
    description: str | None = None
    run_count: int = 0
    updated_at: str | None = None
    agreement: AgreementStanding | msgspec.UnsetType | None = msgspec.UNSET


SCHEMAS = (JudgeBody, JudgePatch, JudgeObject, JudgeVersionObject)


@router.post(
    "/judges",
    **doc("Make a judge", status=201, body=ref(JudgeBody), returns=ref(JudgeObject), problems=(400, 409)),
)
async def create_judge(call: Writes) -> Response:
    """Version 1 of a new judge."""
    body = await call.body(JudgeBody)
    judge = await call.engine.judges.create(call.tenant, body.change(), call.principal.key_id)
    return answer(_shown(judge), 201, {"Location": call.path(f"/judges/{judge.id}")})


@router.get("/judges", **doc("List judges", returns=page_of(JudgeObject)))
async def list_judges(
    call: Reads,
    ready_made: Annotated[
        bool, Query(alias="readyMade", description="Those that come with Penstock, in place of the project's own.")
    ] = False,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Response:
    """In the order of their names, each in its latest version."""
    if ready_made:
        return page([_shown(judge) for judge in await call.engine.judges.ready_made(call.tenant)], None)
    found = await call.engine.judges.page(call.tenant, after_name=cursor or "", limit=limit + 1)
    following = found[limit - 1].latest.name if len(found) > limit else None
    return page([_shown(judge) for judge in found[:limit]], following)


@router.get("/judges/{judge}", **doc("Get a judge", returns=ref(JudgeObject), problems=(404,)))
async def get_judge(call: Reads, judge: Name) -> Response:
    """By its id or its name; a ready-made one by its name."""
    found = await call.engine.judges.get(call.tenant, judge)
    shown = _shown(found)
    shown.agreement = await standing_of(call, found.id, found.latest.version)
    return answer(shown)


@router.get(
    "/judges/{judge}/versions",
    **doc("List a judge's versions", returns=page_of(JudgeVersionObject), problems=(400, 404)),
)
async def list_judge_versions(call: Reads, judge: Name, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Newest first."""
    found = await call.engine.judges.get(call.tenant, judge)
    versions = await call.engine.judges.versions(found, before=_before(cursor), limit=limit + 1)
    following = str(versions[limit - 1].version) if len(versions) > limit else None
    return page([JudgeVersionObject(**_version(version)) for version in versions[:limit]], following)


@router.patch(
    "/judges/{judge}",
    **doc("Change a judge", body=ref(JudgePatch), returns=ref(JudgeObject), problems=(400, 403, 404, 409)),
)
async def update_judge(call: Writes, judge: Name) -> Response:
    """Only what is sent; it makes a new version. What the judge has said keeps the version that said it."""
    body = await call.body(JudgePatch)
    changed = await call.engine.judges.update(call.tenant, judge, body.change(), call.principal.key_id)
    return answer(_shown(changed))


@router.delete("/judges/{judge}", **doc("Delete a judge", status=204, problems=(403, 404)))
async def delete_judge(call: Writes, judge: Name) -> Response:
    """With its versions; its name is free again. What it has said stays readable."""
    await call.engine.judges.delete(call.tenant, judge)
    return nothing()


def _before(cursor: str | None) -> int:
    if cursor is None:
        return 2**31
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 11):
        detail = "This cursor was not made here; take nextCursor of the page before."
        raise Invalid("cursor_invalid", detail, errors=(FieldError("cursor", detail),))
    return int(cursor)


def _shown(judge: Judge) -> JudgeObject:
    made = ready_made().get(judge.id) if judge.ready_made else None
    return JudgeObject(
        **_version(judge.latest),
        id=judge.id,
        ready_made=judge.ready_made,
        title=None if made is None else made.title,
        description=None if made is None else made.description,
        run_count=judge.run_count,
        updated_at=None if judge.ready_made else iso(judge.updated_at),
    )


def _version(version: JudgeVersion) -> dict[str, Any]:
    return {
        "version": version.version,
        "name": version.name,
        "evaluation_goal": version.goal,
        "rubric": version.rubric,
        "model": version.model,
        "output": dict(version.output),
        "threshold": version.threshold,
        "turns": version.turns,
        "params": dict(version.params),
        "created_at": iso(version.created_at) if version.created_at else None,
        "created_by": version.created_by,
    }
