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
from penstock.models.compute_units import following
from penstock.models.gateway import Gateway
from penstock.models.usage import NOTHING, Amounts, ecu_from_micros, usd_from_nanos
from penstock.models.wire import Message, ModelRequest
from penstock.models.worst_case import bounded
from penstock.storage.store import Store
from penstock.traces.reading import TraceReader
from penstock.types import JsonObject, Tenant

SAMPLED = 50
"""So many traces, or pairs, are looked at; the rest is taken to be like them."""
_CORRECTION_BYTES = 8_000
"""More than what an answer that does not fit is sent back with."""
_FRAME_BYTES = 500
"""More than what stands around the result of a tool."""


@dataclass(frozen=True, slots=True)
class Most:
    """The most that some questions take, each with a second call for its correction. `asked` counts the first ones."""

    asked: int = 0
    input_tokens: int = 0
    amounts: Amounts = NOTHING
    priced: bool = True

    def __add__(self, other: Most) -> Most:
        return Most(
            self.asked + other.asked,
            self.input_tokens + other.input_tokens,
            self.amounts + other.amounts,
            self.priced and other.priced,
        )

    def times(self, count: int, of: int = 1) -> Most:
        """So many times as much, divided by `of` and rounded up: from a sample to all."""

        def scaled(value: int) -> int:
            return -(-value * count // of)

        amounts = self.amounts
        return Most(
            scaled(self.asked),
            scaled(self.input_tokens),
            Amounts(scaled(amounts.nanos), scaled(amounts.tokens), scaled(amounts.ecu_micros)),
            self.priced,
        )

    def body(self, judge: JsonObject) -> dict[str, Any]:
        """The same as it is shown, with whose it is (a snapshot)."""
        return {
            "judge": {name: judge[name] for name in ("id", "name", "version")},
            "model": judge["model"],
            "modelCalls": self.asked,
            "inputTokens": self.input_tokens,
            "outputTokens": self.amounts.tokens - self.input_tokens,
            "costUsd": usd_from_nanos(self.amounts.nanos),
            "priced": self.priced,
        }


def worst_case_body(total: Most, unpriced: Sequence[str]) -> dict[str, Any]:
    """What everything takes at most, as it is shown. `unpriced` are models whose price is not known."""
    return {
        "modelCalls": 2 * total.asked,
        "tokens": total.amounts.tokens,
        "costUsd": usd_from_nanos(total.amounts.nanos),
        "ecu": ecu_from_micros(total.amounts.ecu_micros),
        "unpricedModels": sorted(set(unpriced)),
    }


async def most_of(models: Gateway, tenant: Tenant, request: ModelRequest) -> Most:
    """The most that one question takes, with the correction that follows an answer which does not fit."""
    first, priced = await models.most(tenant, request)
    _, read = bounded(request)
    answered = first.tokens - read.input
    corrected = replace(
        request,
        messages=(*request.messages, Message("assistant", "x" * answered), Message("user", "x" * _CORRECTION_BYTES)),
        purpose=following(request.purpose),
    )
    second, _ = await models.most(tenant, corrected)
    return Most(1, read.input + second.tokens - answered, first + second, priced)


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
        shown = [most.body(judge) for most, judge in zip(found, pinned, strict=True)]
        total = sum(found, Most())
        return {
            "traces": len(chosen),
            "verdicts": len(chosen) * len(pinned),
            "modelCalls": total.asked,
            "worstCase": worst_case_body(total, [one["model"] for one in shown if not one["priced"]]),
            "judges": shown,
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
