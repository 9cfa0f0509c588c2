"""`/project`: which models and benchmarks belong to the key's project, and what it has chosen beside."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from penstock.accounts.project_models import ProjectModels, ProjectModelSet
from penstock.accounts.project_sets import MAX_ID_LENGTH, MAX_IDS
from penstock.accounts.project_settings import ProjectChoices
from penstock.errors import FieldError, Invalid, NotFound, StepError
from penstock.server.answers import answer
from penstock.server.auth import Call, needs
from penstock.server.describe import doc, ref

router = APIRouter(tags=["project"])
Reads = Annotated[Call, needs("project:read")]
Writes = Annotated[Call, needs("project:write")]
Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, protected_namespaces=())


class SetBody(_Body):
    """The whole set: what is left out does not belong to the project any more."""

    ids: list[Id] = Field(max_length=MAX_IDS, description="Ids or keys; of models also names.")


class ProjectSettingsBody(_Body):
    """All settings of a project; what is left out or null is the server's own."""

    default_judge_model: str | None = Field(
        None, min_length=1, max_length=1024, description="For judges and scorers that name no model."
    )
    default_reflection_model: str | None = Field(
        None, min_length=1, max_length=1024, description="Proposes instructions in optimizations."
    )


class ModelOfProject(msgspec.Struct):
    """One model: a public one, or one that the project has saved."""

    id: str
    key: str | None
    name: str
    kind: Literal["public", "saved"]


class ModelSet(msgspec.Struct):
    """The models of a project. `chosen` is false while the default set holds."""

    chosen: bool
    models: list[ModelOfProject]


class BenchmarkSet(msgspec.Struct):
    """The benchmarks of a project. `ids` is null while the default set holds: the built-in ones."""

    chosen: bool
    ids: list[str] | None


class ProjectSettingsObject(msgspec.Struct, rename="camel"):
    """What a project has chosen for whoever does not say otherwise."""

    default_judge_model: str | None
    default_reflection_model: str | None


SCHEMAS = (SetBody, ProjectSettingsBody, ModelOfProject, ModelSet, BenchmarkSet, ProjectSettingsObject)


@router.get("/project/models", **doc("Show the project's models", returns=ref(ModelSet)))
async def get_project_models(call: Reads) -> Response:
    """By default each provider's cheap model, for the providers that have a key, and the local one."""
    return answer(_models(await _sets(call).of(call.tenant)))


@router.put(
    "/project/models", **doc("Set the project's models", body=ref(SetBody), returns=ref(ModelSet), problems=(400,))
)
async def put_project_models(call: Writes) -> Response:
    """Replaces the set. Any model can still be named in flows and evaluations."""
    body = await call.body(SetBody)
    return answer(_models(await _sets(call).replace(call.tenant, body.ids)))


@router.get("/project/benchmarks", **doc("Show the project's benchmarks", returns=ref(BenchmarkSet)))
async def get_project_benchmarks(call: Reads) -> Response:
    """Their ids."""
    return answer(_benchmarks(await call.engine.project_sets.benchmarks(call.tenant)))


@router.put(
    "/project/benchmarks",
    **doc("Set the project's benchmarks", body=ref(SetBody), returns=ref(BenchmarkSet), problems=(400,)),
)
async def put_project_benchmarks(call: Writes) -> Response:
    """Replaces the set; each by its id or its key. Any benchmark can still be evaluated on."""
    body = await call.body(SetBody)
    known = await _known_benchmarks(call, body.ids)
    return answer(_benchmarks(await call.engine.project_sets.set_benchmarks(call.tenant, known)))


@router.get("/project/settings", **doc("Show the project's settings", returns=ref(ProjectSettingsObject)))
async def get_project_settings(call: Reads) -> Response:
    """What it has chosen for whoever does not say otherwise."""
    return answer(_settings(await call.engine.project_settings.of(call.tenant)))


@router.put(
    "/project/settings",
    **doc(
        "Set the project's settings",
        body=ref(ProjectSettingsBody),
        returns=ref(ProjectSettingsObject),
        problems=(400,),
    ),
)
async def put_project_settings(call: Writes) -> Response:
    """Replaces them all."""
    body = await call.body(ProjectSettingsBody)
    choices = ProjectChoices(body.default_judge_model, body.default_reflection_model)
    for field, model in msgspec.to_builtins(choices).items():
        if model is not None:
            await _check_model(call, field, model)
    await call.engine.project_settings.change(call.tenant, choices)
    return answer(_settings(choices))


async def _known_benchmarks(call: Call, references: list[str]) -> list[str]:
    """Their ids. Raises `Invalid` naming each that there is not."""
    ids: list[str] = []
    unknown: list[FieldError] = []
    for place, reference in enumerate(references):
        try:
            ids.append((await call.engine.benchmarks.get(call.tenant, reference)).id)
        except NotFound as error:
            unknown.append(FieldError(f"ids[{place}]", error.detail))
    if unknown:
        detail = "Some of these benchmarks are unknown; nothing was changed."
        raise Invalid("benchmark_not_found", detail, errors=tuple(unknown))
    return ids


async def _check_model(call: Call, field: str, model: str) -> None:
    try:
        await call.engine.catalog.resolve(call.tenant, model)
    except StepError as error:
        # A key that is not set yet may be tomorrow; a model that nobody knows is a slip of the pen.
        if error.code == "model_unknown":
            fault = FieldError(field, error.message)
            raise Invalid("model_not_found", f"{error.message}.", errors=(fault,)) from None


def _sets(call: Call) -> ProjectModels:
    return ProjectModels(call.engine.project_sets, call.engine.catalog)


def _models(found: ProjectModelSet) -> ModelSet:
    shown = [ModelOfProject(model.id, model.key, model.name, model.kind) for model in found.models]
    return ModelSet(found.chosen, shown)


def _benchmarks(ids: tuple[str, ...] | None) -> BenchmarkSet:
    return BenchmarkSet(ids is not None, None if ids is None else list(ids))


def _settings(choices: ProjectChoices) -> ProjectSettingsObject:
    return ProjectSettingsObject(choices.default_judge_model, choices.default_reflection_model)
