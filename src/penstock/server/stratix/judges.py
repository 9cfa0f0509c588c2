"""`…/judges`: what reads traces and says how good they are. Each change is a version."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from penstock.clock import iso
from penstock.judges.definition import MAX_GOAL_CHARS, JudgeChange
from penstock.judges.model import Judge as Kept
from penstock.judges.model import JudgeVersion as KeptVersion
from penstock.server.stratix.envelopes import wrapped
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.judge_references import judging_model, known_id, shown_id
from penstock.server.stratix.references import ModelReferences

MAX_VERSIONS = 1_000
"""So many are shown of one judge, the latest."""

routes = Routes()


class JudgeBody(BaseModel):
    """A judge to make. Without a model it is judged by the project's default one, whichever that is at the time."""

    model_config = ConfigDict(protected_namespaces=())

    name: str = Field(min_length=1, max_length=300)
    evaluation_goal: str = Field(min_length=1, max_length=MAX_GOAL_CHARS)
    model_id: str | None = Field(None, max_length=300)


class JudgePatch(BaseModel):
    """What is to be different."""

    model_config = ConfigDict(protected_namespaces=())

    name: str | None = Field(None, min_length=1, max_length=300)
    evaluation_goal: str | None = Field(None, min_length=1, max_length=MAX_GOAL_CHARS)
    model_id: str | None = Field(None, max_length=300)


class JudgeVersion(msgspec.Struct, kw_only=True):
    """A version, from when it was made. `updated_by` is the key that made it."""

    version: int
    name: str
    evaluation_goal: str
    model_id: str
    model_name: str
    model_company: str
    updated_at: str
    updated_by: str


class Judge(msgspec.Struct, kw_only=True):
    """A judge in its latest version, with all of them, oldest first."""

    id: str
    organization_id: str
    project_id: str
    name: str
    evaluation_goal: str
    model_id: str
    model_name: str
    model_company: str
    version: int
    run_count: int
    created_at: str
    updated_at: str
    versions: list[JudgeVersion]


class JudgeHandle(msgspec.Struct):
    """Which judge was changed or deleted."""

    organization_id: str
    project_id: str
    id: str


class Shower:
    """Shows the judges of one request."""

    def __init__(self, call: StratixCall, default_model: str) -> None:
        self._call = call
        self._default_model = default_model
        self._models = ModelReferences(call.engine.catalog, call.tenant)

    @classmethod
    async def of(cls, call: StratixCall) -> Shower:
        """With the model that judges where none is named."""
        return cls(call, await call.engine.judges.default_model(call.tenant))

    async def shown(self, judge: Kept) -> Judge:
        """A judge with its versions."""
        latest, versions = judge.latest, [judge.latest]
        if latest.version > 1:
            versions = await self._call.engine.judges.versions(judge, limit=MAX_VERSIONS)
        return Judge(
            id=shown_id(judge.id),
            organization_id=judge.tenant.organization_id,
            project_id=judge.tenant.project_id,
            name=latest.name,
            evaluation_goal=latest.goal,
            **await judging_model(self._models, latest.model or self._default_model),
            version=latest.version,
            run_count=judge.run_count,
            created_at=iso(judge.created_at),
            updated_at=iso(judge.updated_at),
            versions=[await self._version(one) for one in reversed(versions)],
        )

    async def _version(self, version: KeptVersion) -> JudgeVersion:
        return JudgeVersion(
            version=version.version,
            name=version.name,
            evaluation_goal=version.goal,
            **await judging_model(self._models, version.model or self._default_model),
            updated_at=iso(version.created_at),
            updated_by=version.created_by or "",
        )


@routes.get(PROJECT + "/judges", "judges:read")
async def list_judges(call: StratixCall) -> Response:
    """The project's own, in the order of their names."""
    page = call.query.page()
    total = await call.engine.judges.count(call.tenant)
    # A project has at most ten thousand, so what lies before the page is simply read.
    found = await call.engine.judges.page(call.tenant, limit=min(page.offset + page.size, total))
    shower = await Shower.of(call)
    shown = [await shower.shown(one) for one in found[page.offset :]]
    return wrapped({"judges": shown, "count": len(shown), "total_count": total})


@routes.get(PROJECT + "/judges/{judge_id}", "judges:read")
async def get_judge(call: StratixCall) -> Response:
    """By its id or its name; one that comes with Penstock, too."""
    found = await call.engine.judges.get(call.tenant, known_id(call.id("judge_id")))
    return wrapped(await (await Shower.of(call)).shown(found))


@routes.post(PROJECT + "/judges", "judges:write")
async def create_judge(call: StratixCall) -> Response:
    """Version 1 of a new judge."""
    body = call.sent(JudgeBody)
    wanted = JudgeChange(name=body.name, goal=body.evaluation_goal, model=await _model(call, body.model_id))
    made = await call.once(lambda: call.engine.judges.create(call.tenant, wanted, call.principal.key_id))
    return wrapped(await (await Shower.of(call)).shown(made))


@routes.patch(PROJECT + "/judges/{judge_id}", "judges:write")
async def update_judge(call: StratixCall) -> Response:
    """Another version; what the judge has said keeps the one that said it."""
    body = call.sent(JudgePatch)
    wanted = JudgeChange(
        name=UNSET if body.name is None else body.name,
        goal=UNSET if body.evaluation_goal is None else body.evaluation_goal,
        model=await _model(call, body.model_id),
    )
    judge_id = known_id(call.id("judge_id"))
    return _handle(call, await call.engine.judges.update(call.tenant, judge_id, wanted, call.principal.key_id))


@routes.delete(PROJECT + "/judges/{judge_id}", "judges:write")
async def delete_judge(call: StratixCall) -> Response:
    """With its versions; its name is free again, and what it has said stays."""
    return _handle(call, await call.engine.judges.delete(call.tenant, known_id(call.id("judge_id"))))


async def _model(call: StratixCall, model_id: str | None) -> str | UnsetType:
    if model_id is None:
        return UNSET
    return (await ModelReferences(call.engine.catalog, call.tenant).wanted(model_id, "model_id")).target


def _handle(call: StratixCall, judge: Kept) -> Response:
    return wrapped(JudgeHandle(call.tenant.organization_id, call.tenant.project_id, shown_id(judge.id)))
