"""`PATCH …/projects/{id}`: which models and data sets belong to a project, each set replaced whole."""

from __future__ import annotations

import msgspec
from pydantic import BaseModel, Field
from starlette.responses import Response

from penstock.accounts.project_models import ProjectModels
from penstock.accounts.project_sets import MAX_IDS
from penstock.server.stratix.envelopes import bare
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.storage.accounts import names_of

routes = Routes()


class ProjectChange(BaseModel):
    """The new sets; one that is left out stays as it is."""

    models: list[str] | None = Field(None, max_length=MAX_IDS)
    datasets: list[str] | None = Field(None, max_length=MAX_IDS)


class ProjectSets(msgspec.Struct):
    """A project with the sets that were sent. Its `id` stands at the top level: the client looks for it there."""

    id: str
    name: str
    models: list[str] | None
    datasets: list[str] | None


@routes.patch(PROJECT, "project:write")
async def update_project(call: StratixCall) -> Response:
    """Everything is looked up first: an unknown id changes nothing."""
    body = call.sent(ProjectChange)
    datasets = None
    if body.datasets is not None:
        datasets = [(await call.engine.benchmarks.get(call.tenant, one)).id for one in body.datasets]
    if body.models is not None:
        await ProjectModels(call.engine.project_sets, call.engine.catalog).replace(call.tenant, body.models)
    if datasets is not None:
        await call.engine.project_sets.set_benchmarks(call.tenant, datasets)
    names = await call.engine.store.read(names_of(call.tenant))
    return bare(ProjectSets(call.tenant.project_id, names["project"], body.models, datasets))
