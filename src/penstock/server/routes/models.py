"""`/models`: models saved under names of the project's own."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from penstock.models.probe import save_model
from penstock.models.specification import NewModel
from penstock.server.answers import answer, nothing, page
from penstock.server.auth import Call, needs
from penstock.server.describe import OBJECT, Cursor, Limit, doc, page_of, path_id, ref

router = APIRouter(tags=["models"])
Reads = Annotated[Call, needs("models:read")]
Writes = Annotated[Call, needs("models:write")]
Name = Annotated[str, path_id("name")]


class Pricing(msgspec.Struct, rename="camel"):
    """US dollars per million tokens."""

    input_per_million_usd: str | float
    output_per_million_usd: str | float
    cached_input_per_million_usd: str | float | None = None


class Model(msgspec.Struct, rename="camel"):
    """A saved model. The provider's key is never sent back; `apiKeyHint` is how it begins.

    `disabled`: it was deleted, and is kept for readers of the evaluations that name it.
    """

    id: str
    name: str
    key: str | None
    description: str | None
    provider: str
    base_url: str | None
    model_name: str
    has_api_key: bool
    api_key_hint: str | None
    max_tokens: int | None
    extra_payload: dict[str, Any] | None
    pricing: Pricing | None
    disabled: bool
    created_at: str
    updated_at: str


class CallError(msgspec.Struct):
    """Why a call did not work."""

    code: str
    message: str
    cause: str | None


class ModelTest(msgspec.Struct, rename="camel"):
    """How one call of one token went."""

    model: str
    ok: bool
    latency_ms: float | None
    error: CallError | None


class CreatedModel(Model, rename="camel", kw_only=True):
    """The model, how its one call went when that was asked for, and what its owner should know."""

    warnings: list[str]
    probe: ModelTest | msgspec.UnsetType = msgspec.UNSET


SCHEMAS = (NewModel, Pricing, Model, CallError, ModelTest, CreatedModel)


@router.post(
    "/models",
    **doc(
        "Save a model",
        status=201,
        body=ref(NewModel),
        returns=ref(CreatedModel),
        problems=(400, 409, 422),
    ),
)
async def create_model(call: Writes) -> Response:
    """The provider's key is kept encrypted and never sent back."""
    created = await save_model(call.engine.gateway, call.tenant, await call.object())
    return answer(created.as_json(), 201, {"Location": call.path(f"/models/{created.model.id}")})


@router.get("/models", **doc("List models", returns=page_of(Model)))
async def list_models(call: Reads, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """Newest first. Models named `provider/name` need not be saved."""
    found = await call.engine.catalog.list(call.tenant, after=cursor, limit=limit + 1)
    following = found[limit - 1].id if len(found) > limit else None
    return page([saved.as_json() for saved in found[:limit]], following)


# Names of models hold slashes, so they may fill the rest of the path.
@router.post("/models/{name:path}/test", **doc("Test a model", returns=ref(ModelTest)))
async def test_model(call: Writes, name: Name) -> Response:
    """Asks for one token, and says how that went; any model that a flow could name."""
    return answer((await call.engine.gateway.test(call.tenant, name)).as_json())


@router.get("/models/{name:path}", **doc("Get a model", returns=ref(Model), problems=(404,)))
async def get_model(call: Reads, name: Name) -> Response:
    """By its id, its name or its key."""
    return answer((await call.engine.catalog.get(call.tenant, name)).as_json())


@router.patch("/models/{name:path}", **doc("Change a model", body=OBJECT, returns=ref(Model), problems=(400, 404, 409)))
async def change_model(call: Writes, name: Name) -> Response:
    """Changes the fields that are given. With another `baseUrl` the key must be given again."""
    return answer((await call.engine.catalog.update(call.tenant, name, await call.object())).as_json())


@router.delete("/models/{name:path}", **doc("Delete a model", status=204, problems=(404,)))
async def delete_model(call: Writes, name: Name) -> Response:
    """With the provider's key, and out of the project's set. One that evaluations name can still be read by its id."""
    await call.engine.catalog.delete(call.tenant, name)
    return nothing()
