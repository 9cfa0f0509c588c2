"""`/evaluations`: models on benchmarks."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import BaseModel, Field
from starlette.responses import Response

from penstock.errors import FieldError, Invalid, NotFound
from penstock.evaluations.model import Evaluation as Kept
from penstock.evaluations.model import EvaluationFilter, Order
from penstock.evaluations.requests import EvaluationRequest, Variant
from penstock.executions.model import Status
from penstock.server.bodies import validated
from penstock.server.stratix.envelopes import bare, wrapped
from penstock.server.stratix.evaluation_summary import EvaluationSummary, summary_of
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.references import ModelReferences
from penstock.server.stratix.statuses import EVALUATION, statuses_of
from penstock.types import JsonObject

MAX_AT_ONCE = 100

routes = Routes()

_ORDERS: dict[str, Order] = {"submitted_at": "created", "accuracy": "accuracy", "average_duration": "duration"}


class EvaluationBody(BaseModel):
    """One evaluation to run. Whether model and data set are custom ones is known here."""

    model_id: str = Field(min_length=1, max_length=300)
    dataset_id: str = Field(min_length=1, max_length=300)


class Evaluation(msgspec.Struct, kw_only=True):
    """An evaluation. Times are seconds since 1970 (0: not yet), durations whole milliseconds, scores 0 to 1; what was
    not computed is 0."""

    id: str
    status: str
    status_description: str
    submitted_at: int
    finished_at: int
    model_id: str
    model_name: str
    model_key: str
    model_company: str
    dataset_id: str
    dataset_name: str
    average_duration: int
    accuracy: float
    readability_score: float
    toxicity_score: float
    ethics_score: float
    failed_prompt_count: int
    queue_id: int
    summary: EvaluationSummary | None


class EvaluationPage(msgspec.Struct):
    """Some evaluations, and how many there are."""

    evaluations: list[Evaluation]
    total_count: int


@routes.post(PROJECT + "/evaluations", "evaluations:run")
async def create_evaluations(call: StratixCall) -> Response:
    """Start what is listed; the client sends one, and takes the first of the answer."""
    sent = call.json()
    listed = sent if isinstance(sent, list) else [sent]
    if not 1 <= len(listed) <= MAX_AT_ONCE:
        detail = f"List 1 to {MAX_AT_ONCE} evaluations."
        raise Invalid("body_invalid", detail, errors=(FieldError("", detail),))
    wanted = [validated(EvaluationBody, one, f"[{number}]") for number, one in enumerate(listed)]
    started = await call.once(lambda: _start(call, wanted))
    return wrapped([await shown(call, await call.engine.evaluations.get(call.tenant, one)) for one in started])


async def _start(call: StratixCall, wanted: list[EvaluationBody]) -> list[str]:
    """The ids of the evaluations, each an execution of its own. Everything is looked up before the first one starts."""
    models = ModelReferences(call.engine.catalog, call.tenant)
    requests = []
    for number, one in enumerate(wanted):
        model = await models.wanted(one.model_id, f"[{number}].model_id")
        benchmark = await call.engine.benchmarks.get(call.tenant, one.dataset_id)
        requests.append(
            EvaluationRequest(
                benchmark=benchmark.id,
                variants=(Variant(name=model.name, model=model.target),),
                name=f"{model.name} on {benchmark.key}",
                created_by=call.principal.key_id,
            )
        )
    started: list[str] = []
    for request in requests:
        made = await call.engine.evaluations.start(call.tenant, request)
        started += [evaluation.id for evaluation in made.evaluations]
    return started


@routes.get("/evaluations", "evaluations:read")
async def list_evaluations(call: StratixCall) -> Response:
    """The caller's, newest first unless asked otherwise."""
    own_only(call)
    query = call.query
    page = query.page()
    models = ModelReferences(call.engine.catalog, call.tenant)
    targets: list[str] = []
    for wanted in query.csv("models"):
        found = await models.find(wanted)
        targets += (wanted,) if found is None else found.known_as
    order = _ORDERS[query.word("sort_by", _ORDERS, "submitted_at")]
    chosen = EvaluationFilter(
        benchmarks=query.csv("datasets"),
        targets=tuple(targets),
        statuses=statuses_of(query.csv("status")),
        latest_only=query.flag("unique"),
        order=order,
        descending=query.descending(True),
    )
    found_page, total = await call.engine.evaluations.page(call.tenant, chosen, page.offset, page.size)
    return bare(EvaluationPage([await _shown(call, models, one, None) for one in found_page], total))


@routes.get("/evaluations/{evaluation_id}", "evaluations:read")
async def get_evaluation(call: StratixCall) -> Response:
    """Its members at the top level: the client reads them nowhere else."""
    return bare(await shown(call, await call.engine.evaluations.get(call.tenant, call.id("evaluation_id"))))


async def shown(call: StratixCall, evaluation: Kept) -> Evaluation:
    """An evaluation with what its rows add up to so far."""
    metrics = await call.engine.evaluations.metrics(evaluation)
    return await _shown(call, ModelReferences(call.engine.catalog, call.tenant), evaluation, metrics)


def own_only(call: StratixCall) -> None:
    """Raises `NotFound` when the query names an organization or project that is not the key's."""
    query, tenant = call.query, call.tenant
    if query.text("organization_id") not in (None, tenant.organization_id):
        raise NotFound("organization_not_found", "This key has no such organization.")
    if query.text("project_id") not in (None, tenant.project_id):
        raise NotFound("project_not_found", "This key has no such project.")


async def _shown(
    call: StratixCall, models: ModelReferences, evaluation: Kept, metrics: JsonObject | None
) -> Evaluation:
    """`metrics` None: those that were kept when it ended; a list adds up nothing anew that still runs."""
    over = Status(evaluation.status).terminal
    if metrics is None:
        metrics = await call.engine.evaluations.metrics(evaluation) if over else None
    added_up: Any = metrics or {"scores": {}, "latency": {"meanMs": None}, "failed": 0}
    spec: Any = evaluation.spec
    model = await models.shown(evaluation.target)
    name = model.name if evaluation.target_kind == "model" else _flow_name(evaluation)
    return Evaluation(
        id=evaluation.id,
        status=EVALUATION[evaluation.status],
        status_description=_description(evaluation, added_up["failed"]),
        submitted_at=evaluation.created_at // 1000,
        finished_at=(evaluation.finished_at or 0) // 1000,
        model_id=model.id if evaluation.target_kind == "model" else evaluation.target,
        model_name=name,
        model_key=model.key if evaluation.target_kind == "model" else name,
        model_company=model.company,
        dataset_id=evaluation.benchmark_id,
        dataset_name=spec["benchmark"]["name"],
        average_duration=round(added_up["latency"]["meanMs"] or 0),
        accuracy=_mean(added_up, evaluation.scorers[0]),
        readability_score=_mean(added_up, "readability"),
        toxicity_score=_mean(added_up, "toxicity"),
        ethics_score=_mean(added_up, "ethics"),
        failed_prompt_count=added_up["failed"],
        queue_id=0,
        summary=summary_of(evaluation, name, added_up) if over and metrics else None,
    )


def _flow_name(evaluation: Kept) -> str:
    target: Any = evaluation.settings["target"]
    return str(target.get("name") or evaluation.target)


def _mean(metrics: Any, scorer: str) -> float:
    """A scorer's mean; 0 when it was not computed, which is what that protocol has for it."""
    return float((metrics["scores"].get(scorer) or {}).get("mean") or 0.0)


def _description(evaluation: Kept, failed: int) -> str:
    error: Any = evaluation.error
    if evaluation.status == Status.CANCELLED:
        return "cancelled: stopped by request"
    if error is not None:
        return f"{error['code']}: {error['message']}"
    return f"{failed} of {evaluation.shape.items // evaluation.shape.variants} rows got no answer" if failed else ""
