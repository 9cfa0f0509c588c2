"""What trace evaluations would take, before they are started. Nothing is asked of any model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.judges.choosing import Chosen, chosen_traces
from penstock.judges.judging import WHOLE_CHARS, first_request
from penstock.judges.model import JudgeVersion, version_of
from penstock.judges.reading import TraceText
from penstock.judges.requests import TraceEvaluationRequest
from penstock.judges.tools import MAX_RESULT_CHARS
from penstock.models.gateway import Gateway
from penstock.models.usage import NOTHING, Amounts, ecu_from_micros, usd_from_nanos
from penstock.models.wire import Message, ModelRequest
from penstock.models.worst_case import bounded
from penstock.storage.store import Store
from penstock.traces.reading import TraceReader
from penstock.types import JsonObject, Tenant

SAMPLE_TRACES = 50


@dataclass(slots=True)
class _Most:
    """The most that some verdicts take."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    amounts: Amounts = NOTHING
    priced: bool = True


@dataclass(frozen=True)
class TraceEstimates:
    """Estimates of requests; nothing is started."""

    store: Store
    traces: TraceReader
    models: Gateway

    async def estimate(
        self, tenant: Tenant, request: TraceEvaluationRequest, pinned: Sequence[JsonObject]
    ) -> dict[str, Any]:
        """The most that each judge can take, from the first traces and the models' token limits and prices.

        A judge of several turns may use all of them on a long trace. Raises what `TraceEvaluations.start` does.
        """
        chosen = await chosen_traces(self.store, self.traces, tenant, request)
        texts = [await self._text(tenant, one) for one in chosen[:SAMPLE_TRACES]]
        shown = []
        total = Amounts()
        for judge in pinned:
            most = await self._of_judge(tenant, version_of(judge), texts)
            _scale(most, len(chosen), len(texts))
            total = total + most.amounts
            shown.append(_shown(judge, most))
        return {
            "traces": len(chosen),
            "verdicts": len(chosen) * len(pinned),
            "modelCalls": sum(one["modelCalls"] for one in shown),
            "worstCase": {
                "tokens": total.tokens,
                "costUsd": usd_from_nanos(total.nanos),
                "ecu": ecu_from_micros(total.ecu_micros),
                "unpricedModels": sorted({one["model"] for one in shown if not one["priced"]}),
            },
            "judges": shown,
        }

    async def _text(self, tenant: Tenant, chosen: Chosen) -> TraceText:
        trace = await self.traces.get(tenant, chosen.id)
        return await asyncio.to_thread(TraceText, trace, await self.traces.spans(trace))

    async def _of_judge(self, tenant: Tenant, version: JudgeVersion, texts: Sequence[TraceText]) -> _Most:
        most = _Most()
        for text in texts:
            request, turns = await asyncio.to_thread(_request, version, text)
            amounts, priced = await self.models.most(tenant, request)
            _, tokens = bounded(request)
            most.calls += turns
            most.input_tokens += turns * tokens.input
            most.output_tokens += turns * tokens.output
            most.amounts = most.amounts + _times(amounts, turns, 1)
            most.priced = most.priced and priced
        return most


def _request(version: JudgeVersion, text: TraceText) -> tuple[ModelRequest, int]:
    """One request that is as long as those for a trace are on average, and how many there may be."""
    whole = text.whole(WHOLE_CHARS)
    if whole is not None or version.turns == 1:
        return first_request(version, [("trace", whole or text.abridged(WHOLE_CHARS))]), 1
    request = first_request(version, [("outline", "")])
    # The conversation grows by one result a turn, so half of all of them is in a request on average.
    conversation = "x" * (MAX_RESULT_CHARS * (version.turns + 1) // 2)
    return replace(request, messages=(*request.messages, Message("user", conversation))), version.turns


def _shown(judge: JsonObject, most: _Most) -> dict[str, Any]:
    return {
        "judge": {name: judge[name] for name in ("id", "name", "version")},
        "model": judge["model"],
        "modelCalls": most.calls,
        "inputTokens": most.input_tokens,
        "outputTokens": most.output_tokens,
        "costUsd": usd_from_nanos(most.amounts.nanos),
        "priced": most.priced,
    }


def _scale(most: _Most, traces: int, sampled: int) -> None:
    """From the sample to all traces, rounded up."""
    most.calls = -(-most.calls * traces // sampled)
    most.input_tokens = -(-most.input_tokens * traces // sampled)
    most.output_tokens = -(-most.output_tokens * traces // sampled)
    most.amounts = _times(most.amounts, traces, sampled)


def _times(amounts: Amounts, count: int, sampled: int) -> Amounts:
    return Amounts(
        -(-amounts.nanos * count // sampled),
        -(-amounts.tokens * count // sampled),
        -(-amounts.ecu_micros * count // sampled),
    )
