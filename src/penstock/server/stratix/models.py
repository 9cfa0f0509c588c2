"""`…/models` and `…/custom-models`: the models of a project."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from penstock.accounts.project_models import ProjectModels
from penstock.clock import parse_iso
from penstock.errors import NotFound
from penstock.models.public import PublicModel
from penstock.models.saved import SavedModel
from penstock.server.stratix.envelopes import wrapped
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.params import Query
from penstock.types import Tenant

SAVED_AT_ONCE = 500
PROVIDER = "openai"
"""Whose wire custom models speak: that of chat completions."""

routes = Routes()


class CustomModelBody(BaseModel):
    """A model of the project's own. `key` is also its name at the server that answers for it."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    key: str
    description: str = ""
    api_url: str
    max_tokens: int | None = None
    api_key: str | None = None
    extra_payload: dict[str, Any] | None = None


class CustomModelChange(BaseModel):
    """What is to be different; an empty `extra_payload` takes it away. At another address the key is asked for anew."""

    api_url: str | None = None
    api_key: str | None = None
    max_tokens: int | None = None
    extra_payload: dict[str, Any] | None = Field(None)


class CustomModel(msgspec.Struct, kw_only=True):
    """A model of the project's own: clients know it by its `organization_id`."""

    id: str
    key: str
    name: str
    description: str
    organization_id: str
    project_id: str
    max_tokens: int | UnsetType
    api_url: str
    disabled: bool


class PublicModelRow(msgspec.Struct, kw_only=True):
    """A public model. What is not known is left out: null would be refused."""

    id: str
    key: str
    name: str
    description: str
    deprecated: bool
    company: str | UnsetType = UNSET
    released_at: int | UnsetType = UNSET
    parameters: float | UnsetType = UNSET
    modality: str | UnsetType = UNSET
    context_length: int | UnsetType = UNSET
    architecture_type: str | UnsetType = UNSET
    license: str | UnsetType = UNSET
    open_weights: bool | UnsetType = UNSET
    region: str | UnsetType = UNSET


class ModelHandle(msgspec.Struct):
    """Which model was made, changed or deleted."""

    organization_id: str
    project_id: str
    model_id: str


@routes.get(PROJECT + "/models", "models:read")
async def list_models(call: StratixCall) -> Response:
    """The models that belong to the project, all of them; `type` is `custom` or `public`."""
    query = call.query
    kind = query.word("type", ("custom", "public", "all"), "all")
    found: list[CustomModel | PublicModelRow] = []
    if kind != "public" and not any(query.csv(name) for name in ("categories", "companies", "regions", "licenses")):
        found += [
            custom_model(call.tenant, one)
            for one in await custom_models(call)
            if fits(query, one.id, one.name, one.key)
        ]
    if kind != "custom":
        found += [public_model(one) for one in await _public_of_project(call) if _fits_public(query, one)]
    return wrapped({"models": found})


@routes.get(PROJECT + "/models/{model_id}", "models:read")
async def get_model(call: StratixCall) -> Response:
    """A custom one, also one that was deleted and is still referred to, or a public one."""
    reference = call.id("model_id")
    try:
        return wrapped(custom_model(call.tenant, await call.engine.catalog.get(call.tenant, reference)))
    except NotFound:
        found = await call.engine.catalog.public.find(reference)
        if found is None:
            raise
        return wrapped(public_model(found))


@routes.post(PROJECT + "/custom-models", "models:write")
async def create_custom_model(call: StratixCall) -> Response:
    """Save a model that any server with chat completions answers for."""
    body = call.sent(CustomModelBody)
    given = {
        "name": body.name,
        "provider": PROVIDER,
        "modelName": body.key,
        "key": body.key,
        "description": body.description or None,
        "baseUrl": body.api_url,
        "apiKey": body.api_key or None,
        "maxTokens": body.max_tokens,
        "extraPayload": body.extra_payload,
    }

    async def make() -> str:
        saved = await call.engine.catalog.create(call.tenant, given)
        chosen = await call.engine.project_sets.models(call.tenant)
        if chosen is not None:
            await call.engine.project_sets.set_models(call.tenant, [*chosen, saved.id])
        return saved.id

    return _handle(call, await call.once(make))


@routes.patch(PROJECT + "/custom-models/{model_id}", "models:write")
async def update_custom_model(call: StratixCall) -> Response:
    """Another address, key, limit or payload."""
    body = call.sent(CustomModelChange)
    names = {"api_url": "baseUrl", "api_key": "apiKey", "max_tokens": "maxTokens", "extra_payload": "extraPayload"}
    changes = {names[name]: getattr(body, name) for name in body.model_fields_set}
    saved = await call.engine.catalog.update(call.tenant, call.id("model_id"), changes)
    return _handle(call, saved.id)


@routes.delete(PROJECT + "/custom-models/{model_id}", "models:write")
async def delete_custom_model(call: StratixCall) -> Response:
    """Out of the project; evaluations that refer to it stay readable."""
    saved = await call.engine.catalog.get(call.tenant, call.id("model_id"))
    await call.engine.catalog.delete(call.tenant, saved.id)
    return _handle(call, saved.id)


async def custom_models(call: StratixCall, *, of_project: bool = True) -> Sequence[SavedModel]:
    """Saved models, newest first: those of the project's set, where it has chosen one."""
    chosen = await call.engine.project_sets.models(call.tenant) if of_project else None
    found: list[SavedModel] = []
    after: str | None = None
    while page := await call.engine.catalog.list(call.tenant, after=after, limit=SAVED_AT_ONCE):
        found += page
        after = page[-1].id
    return [one for one in found if chosen is None or one.id in chosen]


def custom_model(tenant: Tenant, saved: SavedModel) -> CustomModel:
    """A saved model as those clients read it. Its key for the provider is no part of it."""
    return CustomModel(
        id=saved.id,
        key=saved.key or saved.name,
        name=saved.name,
        description=saved.description or "",
        organization_id=tenant.organization_id,
        project_id=tenant.project_id,
        max_tokens=UNSET if saved.max_tokens is None else saved.max_tokens,
        api_url=saved.base_url or "",
        disabled=saved.disabled,
    )


def public_model(found: PublicModel) -> PublicModelRow:
    """A public model as those clients read it."""
    names = ("company", "parameters", "modality", "context_length", "architecture_type", "license", "region")
    known: dict[str, Any] = {name: value for name in names if (value := getattr(found, name)) is not None}
    if found.open_weights is not None:
        known["open_weights"] = found.open_weights
    if found.released_at is not None:
        known["released_at"] = parse_iso(found.released_at) // 1000
    return PublicModelRow(
        id=found.id,
        key=found.key,
        name=found.name,
        description=found.description,
        deprecated=found.deprecated,
        **known,
    )


def fits(query: Query, some_id: str, name: str, key: str | None) -> bool:
    """Whether `name` and `key` of a query are parts of these. The command line asks for ids by `name`, too."""
    wanted = query.text("name")
    if wanted is not None and wanted != some_id and wanted.casefold() not in name.casefold():
        return False
    wanted = query.text("key")
    return wanted is None or wanted.casefold() in (key or name).casefold()


async def _public_of_project(call: StratixCall) -> list[PublicModel]:
    of_project = await ProjectModels(call.engine.project_sets, call.engine.catalog).of(call.tenant)
    return [await call.engine.catalog.public.get(one.id) for one in of_project.models if one.kind == "public"]


def _fits_public(query: Query, model: PublicModel) -> bool:
    filters: dict[str, Iterable[str | None]] = {
        "categories": model.categories,
        "companies": (model.company,),
        "regions": (model.region,),
        "licenses": (model.license,),
    }
    for name, values in filters.items():
        wanted = {value.casefold() for value in query.csv(name)}
        if wanted and wanted.isdisjoint(value.casefold() for value in values if value):
            return False
    return fits(query, model.id, model.name, model.key)


def _handle(call: StratixCall, model_id: str) -> Response:
    return wrapped(ModelHandle(call.tenant.organization_id, call.tenant.project_id, model_id))
