"""`/scorers`: the types of scorers, and those that a project has saved."""

from __future__ import annotations

import asyncio
import inspect
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.clock import iso
from penstock.errors import StepError
from penstock.evaluations.scorers import registry
from penstock.evaluations.scorers.base import Sample, ScoreError, ScoringContext
from penstock.evaluations.scorers.library import build, run_scorer
from penstock.evaluations.scorers.ready_made import ready_made
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.describe import Cursor, Limit, doc, page_of, path_id, ref
from penstock.storage.scorers import ScorerRecord

router = APIRouter(tags=["scorers"])
Reads = Annotated[Call, needs("scorers:read")]
Writes = Annotated[Call, needs("scorers:write")]
Name = Annotated[str, path_id("scorer")]

RUNS = "executions:run"
"""To try a scorer may call models and run code."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class ScorerPatch(_Body):
    """What is to be different; the rest stays as it is. Another definition makes a new version."""

    name: str | None = Field(None, min_length=1, max_length=120)
    description: str | None = Field(None, max_length=2_000)
    definition: str | dict[str, JsonValue] | None = Field(
        None, description="A type, or an object of `type` and its settings."
    )


class ScorerBody(ScorerPatch):
    """A scorer to save under a name."""

    name: str = Field(min_length=1, max_length=120)
    description: str = Field("", max_length=2_000)
    definition: str | dict[str, JsonValue] = Field(description="A type, or an object of `type` and its settings.")


class SampleBody(_Body):
    """One answer to one row."""

    output: JsonValue = Field(description="The answer to score.")
    input: JsonValue = Field(None, description="What was asked: a text, messages, or any JSON.")
    truth: JsonValue = Field(None, description="What is expected.")
    context: JsonValue = Field(None, description="What the answer was to keep to.")
    metadata: dict[str, JsonValue] = Field(default_factory=dict, description="What else the row has.")


class ScorerTest(_Body):
    """A scorer to try on a sample."""

    scorer: str | dict[str, JsonValue] = Field(
        description="As an evaluation takes it: a type, a saved scorer, or an object of `type` and its settings."
    )
    sample: SampleBody


class SavedScorer(msgspec.Struct, rename="camel"):
    """One version of a saved scorer; `definition` has all of its settings."""

    id: str
    name: str
    description: str
    version: int
    latest_version: int
    definition: dict[str, Any]
    created_at: str
    updated_at: str


class ReadyMadePrompt(msgspec.Struct, rename="camel"):
    """A prompt that comes with Penstock, for `promptName`."""

    name: str
    title: str
    description: str


class ScorerType(msgspec.Struct, rename="camel"):
    """A type of scorer. `settings` is the JSON Schema of its definition. `recorded` ones call models or start
    processes: each of their scores is a step of its own."""

    type: str
    title: str
    description: str
    recorded: bool
    version: int
    settings: dict[str, Any]
    prompts: list[ReadyMadePrompt] = []


class ScoreOutcome(msgspec.Struct, rename="camel", omit_defaults=True):
    """`scored` with a `value`, and what was taken for the answer; or `unscorable` or `error` with a `reason`."""

    status: Literal["scored", "unscorable", "error"]
    value: float | None = None
    answer: str | None = None
    explanation: str | None = None
    reason: str | None = None


class ScorerTried(msgspec.Struct, rename="camel"):
    """What a scorer made of a sample, and how many calls of models that took."""

    name: str
    type: str
    outcome: ScoreOutcome
    model_calls: int


SCHEMAS = (
    ScorerBody,
    ScorerPatch,
    ScorerTest,
    SampleBody,
    SavedScorer,
    ScorerType,
    ReadyMadePrompt,
    ScorerTried,
    ScoreOutcome,
)


@router.get("/scorers/types", **doc("List the types of scorers", returns=page_of(ScorerType)))
async def list_scorer_types(call: Reads) -> Response:
    """All there are here, packages' included, in the order of their names."""
    return page(await asyncio.to_thread(_types), None)


@router.post(
    "/scorers/test",
    **doc("Try a scorer", body=ref(ScorerTest), returns=ref(ScorerTried), problems=(400,)),
)
async def test_scorer(call: Writes) -> Response:
    """On one sample, now. What goes wrong while scoring is an outcome, not a refusal."""
    call.principal.require(RUNS)
    body = await call.body(ScorerTest)
    [pinned] = await call.engine.scorers.pin(call.tenant, [body.scorer])
    [scorer] = build([pinned])
    context = ScoringContext(call.tenant, call.engine.services)
    try:
        outcome = await run_scorer(scorer, Sample("test", **dict(body.sample)), context)
    except StepError as error:
        outcome = ScoreError(f"{error.code}: {error.message}")
    tried = msgspec.convert(msgspec.to_builtins(outcome), ScoreOutcome)
    return answer(ScorerTried(scorer.name, scorer.kind, tried, context.meter.usage.model_calls))


@router.post(
    "/scorers",
    **doc("Save a scorer", status=201, body=ref(ScorerBody), returns=ref(SavedScorer), problems=(400, 409)),
)
async def create_scorer(call: Writes) -> Response:
    """Version 1 of a new scorer. Evaluations name it by its id or its name."""
    body = await call.body(ScorerBody)
    saved = await call.engine.scorers.create(call.tenant, body.name, body.definition, body.description)
    return answer(_shown(saved), 201, {"Location": call.path(f"/scorers/{saved.id}")})


@router.get("/scorers", **doc("List saved scorers", returns=page_of(SavedScorer)))
async def list_scorers(call: Reads, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """In the order of their names, each in its latest version."""
    found = await call.engine.scorers.list(call.tenant, after_name=cursor or "", limit=limit + 1)
    following = found[limit - 1].name if len(found) > limit else None
    return page([_shown(saved) for saved in found[:limit]], following)


@router.get("/scorers/{scorer}", **doc("Get a scorer", returns=ref(SavedScorer), problems=(404,)))
async def get_scorer(
    call: Reads,
    scorer: Name,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="The latest by default.")] = None,
) -> Response:
    """By its id or its name."""
    return answer(_shown(await call.engine.scorers.get(call.tenant, scorer, version)))


@router.patch(
    "/scorers/{scorer}",
    **doc("Change a scorer", body=ref(ScorerPatch), returns=ref(SavedScorer), problems=(400, 404, 409)),
)
async def update_scorer(call: Writes, scorer: Name) -> Response:
    """Only what is sent. Evaluations keep the version that they were started with."""
    body = await call.body(ScorerPatch)
    changed = await call.engine.scorers.update(
        call.tenant, scorer, name=body.name, description=body.description, definition=body.definition
    )
    return answer(_shown(changed))


@router.delete("/scorers/{scorer}", **doc("Delete a scorer", status=204, problems=(404,)))
async def delete_scorer(call: Writes, scorer: Name) -> Response:
    """With all its versions. Evaluations keep what they need of it."""
    await call.engine.scorers.delete(call.tenant, scorer)
    return nothing()


@cache
def _types() -> list[ScorerType]:
    prompts = [ReadyMadePrompt(made.name, made.title, made.description) for made in ready_made().values()]
    return [
        ScorerType(
            type=kind,
            title=made.title,
            description=inspect.getdoc(made) or "",
            recorded=made.recorded,
            version=made.version,
            settings=made.settings_type.model_json_schema(),
            prompts=prompts if kind == "llm" else [],
        )
        for kind, made in sorted(registry().items())
    ]


def _shown(saved: ScorerRecord) -> SavedScorer:
    return SavedScorer(
        id=saved.id,
        name=saved.name,
        description=saved.description,
        version=saved.version,
        latest_version=saved.latest_version,
        definition=dict(saved.definition),
        created_at=iso(saved.created_at),
        updated_at=iso(saved.updated_at),
    )
