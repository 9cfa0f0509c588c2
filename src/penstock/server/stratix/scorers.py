"""`…/scorers`: saved scorers. Those clients know scorers that are a model with a prompt."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from penstock.clock import iso
from penstock.server.stratix.envelopes import wrapped
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.references import ModelReferences
from penstock.storage.scorers import ScorerRecord
from penstock.types import Json

KIND = "llm"

routes = Routes()


class ScorerBody(BaseModel):
    """A scorer to save. Without a model it is judged by the project's default one."""

    model_config = ConfigDict(protected_namespaces=())

    name: str = Field(min_length=1, max_length=64)
    description: str = Field("", max_length=500)
    model_id: str | None = Field(None, max_length=300)
    prompt: str = Field(min_length=1, max_length=100_000)


class ScorerChange(BaseModel):
    """What is to be different."""

    model_config = ConfigDict(protected_namespaces=())

    name: str | None = Field(None, min_length=1, max_length=64)
    description: str | None = Field(None, max_length=500)
    model_id: str | None = Field(None, max_length=300)
    prompt: str | None = Field(None, min_length=1, max_length=100_000)


class Scorer(msgspec.Struct, kw_only=True):
    """A saved scorer. One of another kind has no model, and its type for a prompt."""

    id: str
    organization_id: str
    project_id: str
    name: str
    description: str
    model_id: str | None
    model_name: str | None
    model_key: str | None
    model_company: str | None
    prompt: str | None
    created_at: str
    updated_at: str


@routes.get(PROJECT + "/scorers", "scorers:read")
async def list_scorers(call: StratixCall) -> Response:
    """In the order of their names."""
    page = call.query.page()
    total = await call.engine.scorers.count(call.tenant)
    # A project has at most ten thousand, so what lies before the page is simply read.
    found = await call.engine.scorers.list(call.tenant, limit=min(page.offset + page.size, total))
    models = ModelReferences(call.engine.catalog, call.tenant)
    shown = [await _shown(call, models, one) for one in found[page.offset :]]
    return wrapped({"scorers": shown, "count": len(shown), "total_count": total})


@routes.get(PROJECT + "/scorers/{scorer_id}", "scorers:read")
async def get_scorer(call: StratixCall) -> Response:
    return await _answer(call, await call.engine.scorers.get(call.tenant, call.id("scorer_id")))


@routes.post(PROJECT + "/scorers", "scorers:write")
async def create_scorer(call: StratixCall) -> Response:
    """A model that judges by a prompt with `{{input}}`, `{{output}}`, `{{expected}}` and `{{context}}`."""
    body = call.sent(ScorerBody)
    definition: dict[str, Json] = {"type": KIND, "model": await _model(call, body.model_id), "prompt": body.prompt}
    made = await call.once(
        lambda: call.engine.scorers.create(call.tenant, body.name, definition, description=body.description)
    )
    return await _answer(call, made)


@routes.patch(PROJECT + "/scorers/{scorer_id}", "scorers:write")
async def update_scorer(call: StratixCall) -> Response:
    """Another prompt or model is another version; evaluations keep the one they had."""
    body = call.sent(ScorerChange)
    found = await call.engine.scorers.get(call.tenant, call.id("scorer_id"))
    definition: dict[str, Any] | None = None
    if body.model_id is not None or body.prompt is not None:
        definition = dict(found.definition)
        if body.model_id is not None:
            definition["model"] = await _model(call, body.model_id)
        if body.prompt is not None:
            definition["prompt"] = body.prompt
    changed = await call.engine.scorers.update(
        call.tenant, found.id, name=body.name, description=body.description, definition=definition
    )
    return await _answer(call, changed)


@routes.delete(PROJECT + "/scorers/{scorer_id}", "scorers:write")
async def delete_scorer(call: StratixCall) -> Response:
    """With all its versions; evaluations keep what they had."""
    found = await call.engine.scorers.get(call.tenant, call.id("scorer_id"))
    await call.engine.scorers.delete(call.tenant, found.id)
    return wrapped({"id": found.id})


async def _model(call: StratixCall, model_id: str | None) -> str:
    if model_id is None:
        choices = await call.engine.project_settings.of(call.tenant)
        return choices.default_judge_model or call.engine.catalog.default_model()
    return (await ModelReferences(call.engine.catalog, call.tenant).wanted(model_id, "model_id")).target


async def _answer(call: StratixCall, found: ScorerRecord) -> Response:
    return wrapped(await _shown(call, ModelReferences(call.engine.catalog, call.tenant), found))


async def _shown(call: StratixCall, models: ModelReferences, found: ScorerRecord) -> Scorer:
    definition: Any = found.definition
    judged: dict[str, str] = {}
    if definition["type"] == KIND:
        model = await models.shown(definition["model"])
        judged = {"id": model.id, "name": model.name, "key": model.key, "company": model.company}
    return Scorer(
        id=found.id,
        organization_id=call.tenant.organization_id,
        project_id=call.tenant.project_id,
        name=found.name,
        description=found.description,
        model_id=judged.get("id"),
        model_name=judged.get("name"),
        model_key=judged.get("key"),
        model_company=judged.get("company"),
        prompt=definition.get("prompt"),
        created_at=iso(found.created_at),
        updated_at=iso(found.updated_at),
    )
