"""A judge, against what people said of the traces it is asked about.

Its instruction is its goal, with its rubric where it has one: what it is told of the matter. What it may answer, from
which score on that passes, its model, turns and settings stay as they are.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from penstock.clock import now_ms
from penstock.errors import Conflict, Forbidden, Invalid, NotFound, StepError
from penstock.evaluations.scorers.menus import Scale
from penstock.executions.item import Attempt
from penstock.judges.agreement_report import MOST_LABELS, Vote, together
from penstock.judges.annotations import Annotations
from penstock.judges.definition import MAX_GOAL_CHARS, JudgeChange, changed, menu_of
from penstock.judges.estimates import usual_request
from penstock.judges.judging import TURN_SECONDS, Direct, TraceSubject, instruction, judge, whole_trace
from penstock.judges.labels import FAIL, PASS, classes, on_menu, passes
from penstock.judges.model import JudgeVersion, Unscorable, Verdict, version_of
from penstock.judges.reading import TraceText, cut
from penstock.judges.service import Judges
from penstock.judges.verdicts import Reply
from penstock.models.gateway import Gateway
from penstock.models.wire import ModelRequest
from penstock.optimization.model import MAX_EXAMPLES, Example, JudgeSubject, Result, Said
from penstock.optimization.targets import Classes, Pinned, check_length, most_chars
from penstock.storage import judges as rows
from penstock.storage.annotations import Annotation, AnnotationFilter
from penstock.storage.store import Transaction
from penstock.traces.reading import TraceReader
from penstock.types import JsonObject, Tenant

NAME = "judge"
_VERSION = "1"
"""Of how verdicts are scored; it changes when that does."""
SAW_CHARS = 2_000
SAID_CHARS = 2_000
MAX_RATIONALE_CHARS = 2_000


@dataclass(frozen=True)
class JudgeTargets:
    """The kind of subject that judges are."""

    judges: Judges
    annotations: Annotations
    traces: TraceReader
    models: Gateway

    @property
    def name(self) -> str:
        return NAME

    async def pin(self, tenant: Tenant, subject: JudgeSubject) -> Pinned:
        """The judge with what people said of whole traces, brought together for each trace."""
        kept = await self.judges.pin(tenant, subject.judge, subject.version)
        version = version_of(kept)
        found = await self.judges.get(tenant, str(kept["id"]))
        if found.ready_made:
            detail = f"Judge {version.name!r} comes with Penstock; make one of your own from it."
            raise Forbidden("judge_ready_made", detail)
        labels, left_out = await self._labels(tenant, found.id)
        use = answer_classes(version, labels)
        examples: list[Example] = []
        for trace_id, said in labels.items():
            truth = _truth(version, use, said)
            if truth is None:
                left_out["contradictory"] += len(said)
            else:
                examples.append(Example(trace_id, truth, tuple(_said(one) for one in said)))
        # Of a list that is to be cut, the newest come first.
        left_out["too_many"] += sum(len(one.said) for one in examples[MAX_EXAMPLES:])
        used = examples[:MAX_EXAMPLES]
        contested = sum(len({_class(version, use, said.answer) for said in one.said}) > 1 for one in used)
        notes = (f"People disagree about {contested} of the traces; each counts by weight.",) if contested else ()
        return Pinned(
            subject_id=found.id,
            subject_name=version.name,
            subject_version=version.version,
            snapshot={**kept, "classes": list(use.labels), "weights": use.weights},
            examples=used,
            annotations=sum(len(one.said) for one in used),
            left_out={why: count for why, count in left_out.items() if count},
            notes=notes,
        )

    def open(self, tenant: Tenant, snapshot: JsonObject) -> JudgeTarget:
        return JudgeTarget(tenant, snapshot, self.traces, self.models)

    async def apply(
        self, tenant: Tenant, snapshot: JsonObject, text: str, *, force: bool, by: str | None
    ) -> Transaction[int]:
        pinned = version_of(snapshot)
        current = await self.judges.get(tenant, str(snapshot["id"]))
        if current.latest.version != pinned.version and not force:
            detail = (
                f"Judge {current.latest.name!r} is at version {current.latest.version} and was optimized at version"
                f" {pinned.version}. Optimize the new version, or apply this one with `force`."
            )
            raise Conflict("subject_changed", detail)
        made = with_instruction(current.latest, text)
        following = replace(made, version=current.latest.version + 1, created_at=now_ms(), created_by=by)

        def write() -> Transaction[int]:
            if not (yield from rows.advance(current, following)):
                raise Conflict("subject_changed", f"Judge {made.name!r} is being changed by others; try again.")
            return following.version

        return write()

    async def _labels(self, tenant: Tenant, judge_id: str) -> tuple[dict[str, list[Annotation]], Counter[str]]:
        """By trace, those labelled last first, of each all that was said among the newest labels; and how many labels
        are not used, by why."""
        found: dict[str, list[Annotation]] = defaultdict(list)
        left_out: Counter[str] = Counter()
        read = 0
        async for page in self.annotations.all(tenant, AnnotationFilter(judge_id=judge_id)):
            full = len(found) > MAX_EXAMPLES
            for label in page:
                if not label.subject.trace_id or label.subject.span_id:
                    left_out["not_of_a_trace"] += 1
                elif full and label.subject.trace_id not in found:
                    left_out["too_many"] += 1
                else:
                    found[label.subject.trace_id].append(label)
            read += len(page)
            if read >= MOST_LABELS:
                break
        for trace_id in [one for one in found if not await self._exists(tenant, one)]:
            left_out["trace_gone"] += len(found.pop(trace_id))
        return found, left_out

    async def _exists(self, tenant: Tenant, trace_id: str) -> bool:
        try:
            await self.traces.get(tenant, trace_id)
        except NotFound:
            return False
        return True


class JudgeTarget:
    """One judge while its instruction is optimized."""

    def __init__(self, tenant: Tenant, snapshot: JsonObject, traces: TraceReader, models: Gateway) -> None:
        self._tenant = tenant
        self._judge = version_of(snapshot)
        self._menu = menu_of(self._judge.output)
        self._traces = traces
        self._models = models
        self._classes = msgspec.convert({"labels": snapshot["classes"], "weights": snapshot["weights"]}, Classes)

    @property
    def instruction(self) -> str:
        return instruction(self._judge)

    @property
    def task(self) -> str:
        return (
            "It tells a judge what to look for in a trace, the record of what an AI application did, and how to"
            f" decide. The judge answers {self._menu.words}; that is told to it apart, and cannot be changed. People"
            " have judged the same traces: the judge should come to what they say."
        )

    @property
    def version(self) -> str:
        judge = self._judge
        decisive = [_VERSION, judge.model, judge.output, judge.threshold, judge.turns, judge.params, self._classes]
        return hashlib.blake2b(msgspec.json.encode(decisive, order="sorted"), digest_size=12).hexdigest()

    @property
    def classes(self) -> Classes:
        return self._classes

    @property
    def timeout_seconds(self) -> float:
        return TURN_SECONDS * self._judge.turns

    @property
    def most_chars(self) -> int:
        return most_chars(self.instruction, MAX_GOAL_CHARS)

    def check(self, text: str) -> str:
        check_length(text, self.most_chars)
        try:
            made = with_instruction(self._judge, text)
        except Invalid as error:
            raise ValueError(error.detail) from None
        if (made.output, made.threshold) != (self._judge.output, self._judge.threshold):
            raise ValueError("the proposal changes what the judge may answer")
        return made.goal

    async def score(self, instruction: str, example: Example, attempt: Attempt) -> Result:
        try:
            subject = await whole_trace(self._traces, self._tenant, example.id)
        except NotFound as error:
            raise StepError(
                "trace_unknown",
                "A labelled trace has been deleted since this was started; start another optimization without it.",
            ) from error
        saw = await asyncio.to_thread(_excerpt, subject)
        asks = _Counted(Direct(self._tenant, self._models, attempt.meter))
        said = await judge(with_instruction(self._judge, instruction), subject, asks)
        if isinstance(said, Unscorable):
            return Result(0.0, saw=saw, problem=said.reason)
        predicted = self._predicted(said)
        shown = f"{said.answer}: {said.reasoning}"[:SAID_CHARS]
        return Result(self._closeness(predicted, example), predicted, saw, shown)

    def feedback(self, example: Example, result: Result) -> str:
        people = "\n".join(
            f"{said.author} says {said.answer}" + (f": {said.rationale}" if said.rationale else ".")
            for said in example.said
        )
        if result.predicted is None:
            return f"{people}\nThe judge's answer could not be read. {result.problem}"
        if result.predicted == example.truth:
            return f"{people}\nThe judge agrees."
        return f"{people}\n{self._direction(result.predicted, example.truth)}"

    async def request(self, instruction: str, example: Example) -> tuple[ModelRequest, int]:
        trace = await self._traces.get(self._tenant, example.id)
        subject = TraceSubject(trace, await self._traces.spans(trace))
        made = replace(self._judge, goal=instruction.ljust(self.most_chars, "x"), rubric=None)
        text = await asyncio.to_thread(TraceText, subject.trace, subject.spans)
        asked, turns = await asyncio.to_thread(usual_request, made, text)
        return replace(asked, purpose="metric"), turns

    def _predicted(self, said: Verdict) -> str:
        if self._classes.labels == (PASS, FAIL):
            return PASS if said.passed else FAIL
        return str(on_menu(said.answer, self._menu))

    def _closeness(self, predicted: str, example: Example) -> float:
        """How near an answer is to what people say, by their weights; 1 for what they say together."""
        near, nearest = (
            sum(
                said.weight * _near(self._classes, answer, _class(self._judge, self._classes, said.answer))
                for said in example.said
            )
            for answer in (predicted, example.truth)
        )
        return min(1.0, near / nearest)

    def _direction(self, predicted: str, truth: str) -> str:
        said = f"The judge says {predicted} where people say {truth}"
        higher, lower = self._worth(predicted), self._worth(truth)
        if higher == lower:
            return f"{said}."
        return f"{said}: it is too {'lenient' if higher > lower else 'strict'}."

    def _worth(self, answer: str) -> float:
        return float(answer == PASS) if self._classes.labels == (PASS, FAIL) else self._menu.value(answer)


def with_instruction(version: JudgeVersion, text: str) -> JudgeVersion:
    """The judge with another instruction. Raises `Invalid` for a text that cannot be one."""
    return changed(version, JudgeChange(goal=text.strip(), rubric=None))


def answer_classes(version: JudgeVersion, labels: dict[str, list[Annotation]]) -> Classes:
    """The classes of the menu where all people answer from it; where some say only pass or fail, these two."""
    menu = menu_of(version.output)
    if all(on_menu(one.answer, menu) is not None for said in labels.values() for one in said):
        return Classes(classes(menu), "quadratic" if isinstance(menu, Scale) else "none")
    return Classes((PASS, FAIL))


@dataclass(frozen=True, slots=True)
class _Counted:
    """Asks what is counted as one metric call, with further turns of it."""

    asks: Direct

    async def ask(self, request: ModelRequest, turn: int) -> Reply:
        return await self.asks.ask(replace(request, purpose="judge" if turn else "metric"), turn)


def _truth(version: JudgeVersion, use: Classes, said: Sequence[Annotation]) -> str | None:
    """What people say together of one trace; None where they are split evenly, or say nothing to the point."""
    menu = menu_of(version.output)
    votes = [Vote(on_menu(one.answer, menu), passes(one.answer, version), one.weight) for one in said]
    made = together(votes, menu)
    if use.labels != (PASS, FAIL):
        return made.answer
    return None if made.passed is None else PASS if made.passed else FAIL


def _class(version: JudgeVersion, use: Classes, answer: str | int | float) -> str | None:
    """One person's answer in the words of the classes."""
    if use.labels != (PASS, FAIL):
        return on_menu(answer, menu_of(version.output))
    passed = passes(answer, version)
    return None if passed is None else PASS if passed else FAIL


def _near(use: Classes, answer: str, other: str | None) -> float:
    """1 for the same, 0 for the farthest; on a scale the share of it that lies between them is missing."""
    if other is None or use.weights == "none":
        return float(answer == other)
    apart = abs(use.labels.index(answer) - use.labels.index(other))
    return 1 - apart / (len(use.labels) - 1)


def _said(label: Annotation) -> Said:
    rationale = None if label.rationale is None else cut(label.rationale, MAX_RATIONALE_CHARS)
    return Said(label.author, label.answer, rationale, label.weight)


def _excerpt(subject: TraceSubject) -> str:
    return cut(TraceText(subject.trace, subject.spans).abridged(SAW_CHARS), SAW_CHARS)
