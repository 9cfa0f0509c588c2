"""`…/smart-benchmarks`: benchmarks that a model drafts from documents."""

from __future__ import annotations

from contextlib import AsyncExitStack

from pydantic import BaseModel, Field
from starlette.responses import Response

from penstock.evaluations.benchmarks.model import Details
from penstock.evaluations.benchmarks.service import key_of
from penstock.evaluations.benchmarks.smart.documents import MAX_DOCUMENTS, Document
from penstock.evaluations.benchmarks.smart.service import DraftRequest
from penstock.server.routes.benchmark_drafts import RUNS
from penstock.server.stratix.benchmarks import UPLOADS, Metric, handle, into_project, metric_scorers
from penstock.server.stratix.face import PROJECT, Routes, StratixCall
from penstock.server.stratix.uploads import base_name, collected
from penstock.types import Json

routes = Routes()

_TRUTH: Json = {"type": "contains", "ignoreCase": True}
"""The truth of a drafted question is a phrase of the document, and an answer says more than that."""


class SmartBenchmarkBody(BaseModel):
    """What to draft from files that were sent before; `system_prompt` tells the model what to ask about."""

    name: str = Field(min_length=1, max_length=256)
    description: str = Field("", max_length=500)
    system_prompt: str = Field("", max_length=4000)
    files: list[str] = Field(min_length=1, max_length=MAX_DOCUMENTS)
    metrics: list[Metric] = Field(default_factory=list, max_length=10)


@routes.post(PROJECT + "/smart-benchmarks", "benchmarks:write")
async def create_smart_benchmark(call: StratixCall) -> Response:
    """It is there at once, and has rows when the model is done. Evaluations run on it once somebody has reviewed it."""
    call.principal.require(RUNS)
    body = call.sent(SmartBenchmarkBody)
    return handle(call, await call.once(lambda: _start(call, body)))


async def _start(call: StratixCall, body: SmartBenchmarkBody) -> str:
    metrics = await metric_scorers(call, body.metrics)
    async with AsyncExitStack() as files:
        documents = [
            Document(base_name(name), await files.enter_async_context(collected(call, UPLOADS, name)))
            for name in dict.fromkeys(body.files)
        ]
        request = DraftRequest(
            key=key_of(body.name),
            details=Details(body.name, body.description, (_TRUTH, *metrics)),
            documents=tuple(documents),
            instructions=body.system_prompt,
            created_by=call.principal.key_id,
        )
        submitted = await call.engine.drafts.start(call.tenant, request)
    await into_project(call, submitted.execution.subject_id)
    return submitted.execution.subject_id
