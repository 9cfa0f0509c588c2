"""Asking a judge: of an answer, of a trace at once where it is short, else turn by turn with tools.

There is one way of asking, whoever asks: trace evaluations record each turn as a step, a scorer and an optimization
record the verdict as a whole. Which it is, the `Asks` that they pass decides.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from penstock.errors import StepError
from penstock.evaluations.scorers.base import Sample
from penstock.evaluations.scorers.llm import MATERIAL, judge_task, no_verdict
from penstock.evaluations.scorers.menus import Binary, verdict_schema
from penstock.executions.item import Attempt, ItemRun, StepPolicy
from penstock.judges.definition import menu_of
from penstock.judges.model import JudgeVersion, Step, Unscorable, Verdict
from penstock.judges.reading import TraceText, cut, readable
from penstock.judges.tools import ARGUMENTS, SUBMIT, how_to_look, last_turn, outline, turn_schema, use
from penstock.judges.verdicts import Reply, reply_usage, verdict_of
from penstock.models.gateway import Gateway
from penstock.models.meter import Meter
from penstock.models.wire import Message, ModelRequest
from penstock.traces.model import Span, Trace
from penstock.traces.reading import TraceReader
from penstock.types import Json, Tenant

TURN = "turn"
"""The node of the steps that turns are recorded as; the round is the turn's number."""
WHOLE_CHARS = 60_000
"""A trace of so many characters is judged in one turn; of an answer, each part is cut to this."""
CONVERSATION_CHARS = 200_000
"""A conversation that has grown so long comes to its last turn."""
TURN_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class TraceSubject:
    """A trace with its spans, parents before children."""

    trace: Trace
    spans: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Material:
    """Named parts that are shown as they are, all at once; each is cut to `WHOLE_CHARS`."""

    parts: tuple[tuple[str, Json], ...]


Subject = TraceSubject | Sample | Material


async def whole_trace(traces: TraceReader, tenant: Tenant, trace_id: str) -> TraceSubject:
    """A trace as judges see it. Raises `NotFound`, also where it is deleted while it is read: nothing is judged by the
    part that was left of it."""
    trace = await traces.get(tenant, trace_id)
    spans = await traces.spans(trace)
    await traces.get(tenant, trace_id)
    return TraceSubject(trace, spans)


class Asks(Protocol):
    """Who puts a judge's turns to its model."""

    async def ask(self, request: ModelRequest, turn: int) -> Reply:
        """What the turn of this number (from 0) brought. May raise `StepError` or `ItemFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class Direct:
    """Asks at once. `meter` counts; failures that may pass are raised as `StepError`."""

    tenant: Tenant
    models: Gateway
    meter: Meter

    async def ask(self, request: ModelRequest, turn: int) -> Reply:
        before = dataclasses.replace(self.meter.usage)
        try:
            response = await self.models.complete(self.tenant, request, self.meter)
        except StepError as error:
            reason = no_verdict(error)
            return Reply(reason=reason, model=request.model, **reply_usage(before, self.meter.usage))
        return Reply(
            value=response.value,
            model=response.model,
            latency_ms=response.latency_ms,
            **reply_usage(before, self.meter.usage),
        )


@dataclass(frozen=True, slots=True)
class Recorded:
    """Asks each turn as a step of an execution's item: on disk before the next one, and never asked twice."""

    item: ItemRun
    tenant: Tenant
    models: Gateway

    async def ask(self, request: ModelRequest, turn: int) -> Reply:
        said = [{"role": message.role, "content": message.text} for message in request.messages]
        asked = msgspec.json.encode([request.model, request.params, request.schema, said], order="deterministic")

        counted = dataclasses.replace(request, purpose="judge" if turn else "trace_evaluation")

        async def call(attempt: Attempt) -> Json:
            reply = await Direct(self.tenant, self.models, attempt.meter).ask(counted, turn)
            attempt.detail.update(model=reply.model, latencyMs=round(reply.latency_ms, 1))
            built: Json = msgspec.to_builtins(reply)
            return built

        recorded = await self.item.step(
            TURN,
            call,
            StepPolicy(effectful=True, timeout_seconds=TURN_SECONDS),
            fingerprint=hashlib.blake2b(asked, digest_size=12).hexdigest(),
            round_=turn,
            received=msgspec.json.encode(said),
        )
        return msgspec.convert(recorded, Reply)


async def judge(version: JudgeVersion, subject: Subject, asks: Asks) -> Verdict | Unscorable:
    """What a judge says of a trace, an answer, or whatever else it is shown.

    `version` names a model (see `Judges.pin`). A judge of one turn sees the whole of a long trace cut short; one of
    several turns looks into it with tools. Prose, a wrong scale, an unknown label, a refusal or nothing, also after
    one correction, is unscorable. Raises what `asks` does.
    """
    if not isinstance(subject, TraceSubject):
        return await _at_once(version, texts_of(subject), asks)
    text = await asyncio.to_thread(TraceText, subject.trace, subject.spans)
    whole = await asyncio.to_thread(text.whole, WHOLE_CHARS)
    if whole is None and version.turns > 1:
        return await _turn_by_turn(version, text, asks)
    if whole is None:
        whole = await asyncio.to_thread(text.abridged, WHOLE_CHARS)
    return await _at_once(version, [("trace", whole)], asks)


def first_request(version: JudgeVersion, parts: Sequence[tuple[str, str]]) -> ModelRequest:
    """What a judge is asked that sees everything at once. `parts` are the material: a name, and a text."""
    menu, mark = menu_of(version.output), _mark(parts)
    asked = "\n\n".join([_question(version), *(_between(mark, name, text) for name, text in parts)])
    messages = (Message("system", judge_task(mark, menu)), Message("user", asked))
    return ModelRequest(version.model or "", messages, version.params, verdict_schema(menu), purpose="judge")


async def _at_once(version: JudgeVersion, parts: Sequence[tuple[str, str]], asks: Asks) -> Verdict | Unscorable:
    reply = await asks.ask(first_request(version, parts), 0)
    if reply.reason is not None:
        return Unscorable(reply.reason)
    return verdict_of(version, reply.value, [reply], [])


async def _turn_by_turn(version: JudgeVersion, text: TraceText, asks: Asks) -> Verdict | Unscorable:
    menu = menu_of(version.output)
    mark, messages = await asyncio.to_thread(opening, version, text)
    replies: list[Reply] = []
    steps: list[Step] = []
    for turn in range(version.turns):
        last = turn + 1 == version.turns or sum(len(message.text) for message in messages) > CONVERSATION_CHARS
        if last:
            messages[-1] = Message("user", f"{messages[-1].text}\n\n{last_turn(menu)}")
        schema = verdict_schema(menu) if last else turn_schema(menu)
        asked = ModelRequest(version.model or "", tuple(messages), version.params, schema, purpose="judge")
        reply = await asks.ask(asked, turn)
        replies.append(reply)
        if reply.reason is not None:
            return Unscorable(reply.reason)
        tool, args, said = _turn(reply.value, last=last)
        if said is not None:
            steps.append(Step(SUBMIT, said, "accepted"))
            return verdict_of(version, said, replies, steps)
        found = await asyncio.to_thread(use, text, tool, args)
        steps.append(Step(tool, args, found))
        messages.append(Message("assistant", msgspec.json.encode(reply.value).decode()))
        messages.append(Message("user", _between(mark, "result", found)))
    raise AssertionError("the last turn ends in a verdict")


def opening(version: JudgeVersion, text: TraceText) -> tuple[str, list[Message]]:
    """The mark, and what a judge of several turns is told first."""
    head = f"{text.head()}\n{outline(text)}"
    mark = _mark([("trace", f"{text.trace.id}\n{head}")])
    tools = how_to_look(menu_of(version.output), version.turns)
    asked = f"{_question(version)}\n\n{tools}\n\n{_between(mark, 'outline', head)}"
    return mark, [Message("system", MATERIAL.format(mark=mark)), Message("user", asked)]


def _turn(value: Any, *, last: bool) -> tuple[str, dict[str, Any], dict[str, Any] | None]:
    """Which tool is to be used with what, and the verdict where one is submitted."""
    if last:
        return SUBMIT, {}, value
    tool, given = value["tool"], value.get("args") or {}
    args = {name: given[name] for name in ARGUMENTS.get(tool, ()) if given.get(name) is not None}
    return tool, args, value.get("verdict") if tool == SUBMIT else None


def instruction(version: JudgeVersion) -> str:
    """What a judge is told of the matter: its goal, and how to decide."""
    return f"{version.goal}\n\nHow to decide:\n{version.rubric}" if version.rubric else version.goal


def _question(version: JudgeVersion) -> str:
    parts = [instruction(version)]
    if isinstance(menu_of(version.output), Binary):
        parts.append('"yes" says that this is met, "no" that it is not.')
    return "\n\n".join(parts)


def texts_of(shown: Sample | Material) -> list[tuple[str, str]]:
    """The texts that a judge is shown; what a row does not have is left out."""
    if isinstance(shown, Sample):
        named = (("input", shown.input), ("context", shown.context), ("expected", shown.truth))
        shown = Material((*(part for part in named if part[1] is not None), ("output", shown.output)))
    return [(name, cut(readable(value), WHOLE_CHARS)) for name, value in shown.parts]


def _mark(parts: Sequence[tuple[str, str]]) -> str:
    """What nobody who wrote the material can know, since the material is part of what it is made from."""
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:20]


def _between(mark: str, name: str, text: str) -> str:
    return f"<{name}-{mark}>\n{text}\n</{name}-{mark}>"
