"""What judging would take, before it is started. Nothing is asked of any model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from penstock.judges.choosing import Chosen, chosen_traces
from penstock.judges.definition import menu_of
from penstock.judges.judging import CONVERSATION_CHARS, WHOLE_CHARS, first_request, opening
from penstock.judges.model import JudgeVersion, version_of
from penstock.judges.reading import TraceText
from penstock.judges.requests import TraceEvaluationRequest
from penstock.judges.tools import MAX_RESULT_CHARS, turn_schema
from penstock.models.gateway import Gateway
from penstock.models.most import Most, most_of
from penstock.models.usage import usd_from_nanos
from penstock.models.wire import Message, ModelRequest
from penstock.models.worst_case import bounded
from penstock.storage.store import Store
from penstock.traces.reading import TraceReader
from penstock.types import JsonObject, Tenant

SAMPLED = 50
"""So many traces, or pairs, are looked at; the rest is taken to be like them."""
_FRAME_BYTES = 500
"""More than what stands around the result of a tool."""


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

        A judge of several turns may use all of them on a long trace, and each may need its correction. Raises what
        `TraceEvaluations.start` does.
        """
        chosen = await chosen_traces(self.store, self.traces, tenant, request)
        found = await self.worst_cases(tenant, chosen, pinned)
        total = sum(found, Most())
        return {
            "traces": len(chosen),
            "verdicts": len(chosen) * len(pinned),
            "modelCalls": total.asked,
            "worstCase": total.body(),
            "judges": [shown(most, judge) for most, judge in zip(found, pinned, strict=True)],
        }

    async def worst_cases(self, tenant: Tenant, chosen: Sequence[Chosen], pinned: Sequence[JsonObject]) -> list[Most]:
        """The most that each judge takes on these traces, from the first of them."""
        texts = [await self._text(tenant, one) for one in chosen[:SAMPLED]]
        found: list[Most] = []
        for judge in pinned:
            sampled = Most()
            for text in texts:
                sampled += await self._of_trace(tenant, version_of(judge), text)
            found.append(sampled.times(len(chosen), len(texts)))
        return found

    async def _text(self, tenant: Tenant, chosen: Chosen) -> TraceText:
        trace = await self.traces.get(tenant, chosen.id)
        return await asyncio.to_thread(TraceText, trace, await self.traces.spans(trace))

    async def _of_trace(self, tenant: Tenant, version: JudgeVersion, text: TraceText) -> Most:
        request, turns = await asyncio.to_thread(usual_request, version, text)
        return (await most_of(self.models, tenant, request)).times(turns)


def usual_request(version: JudgeVersion, text: TraceText) -> tuple[ModelRequest, int]:
    """A request as long as those about a trace are on average, and how many there may be. Reads all of the trace: not
    for the event loop."""
    whole = text.whole(WHOLE_CHARS)
    if whole is None and version.turns > 1:
        return _usual_turn(version, text), version.turns
    shown = text.abridged(WHOLE_CHARS) if whole is None else whole
    return replace(first_request(version, [("trace", shown)]), purpose="trace_evaluation"), 1


def _usual_turn(version: JudgeVersion, text: TraceText) -> ModelRequest:
    """A request as long as those of a judge that takes all its turns are on average, where each tool finds as much as
    it may and each answer is as long as it may be."""
    _, messages = opening(version, text)
    request = ModelRequest(version.model or "", tuple(messages), version.params, turn_schema(menu_of(version.output)))
    _, tokens = bounded(request)
    wide = text.widest_char()
    grown = wide * MAX_RESULT_CHARS + _FRAME_BYTES + tokens.output
    conversation = min(grown * (version.turns - 1) // 2, wide * CONVERSATION_CHARS + grown) + _FRAME_BYTES
    messages = [*request.messages, Message("user", "x" * conversation)]
    return replace(request, messages=tuple(messages), purpose="trace_evaluation")


def shown(most: Most, judge: JsonObject) -> dict[str, Any]:
    """What one judge (a snapshot) takes at most."""
    return {
        "judge": {name: judge[name] for name in ("id", "name", "version")},
        "model": judge["model"],
        "modelCalls": most.asked,
        "inputTokens": most.input_tokens,
        "outputTokens": most.amounts.tokens - most.input_tokens,
        "costUsd": usd_from_nanos(most.amounts.nanos),
        "priced": not most.unpriced,
    }
