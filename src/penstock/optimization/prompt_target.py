"""A saved prompt as what is optimized: one of its texts, with the placeholders kept, against rows with a truth."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec

from penstock.errors import Conflict, Invalid, StepError
from penstock.evaluations.pinning import Pinner
from penstock.evaluations.scorers import load
from penstock.evaluations.scorers.base import Sample, Scored, ScoreError, Scorer, ScoringContext, as_text
from penstock.evaluations.scorers.running import run_scorer
from penstock.evaluations.scorers.specs import build
from penstock.executions.item import Attempt
from penstock.flows.expressions import template
from penstock.flows.prompts import SavedPrompt, check_document
from penstock.flows.services import Services
from penstock.judges.reading import cut, readable
from penstock.models.wire import Message, ModelRequest, ModelResponse, Role
from penstock.optimization.model import Example, PromptSubject, Result
from penstock.optimization.prompt_examples import RowSource, classes_of, invalid, row_of
from penstock.optimization.prompt_text import MAX_INSTRUCTION_CHARS, kept, parts, with_part
from penstock.optimization.targets import Classes, Pinned, check_length, most_chars
from penstock.storage import prompts as rows
from penstock.storage.executions import dumps
from penstock.storage.store import Transaction
from penstock.types import Json, JsonObject, Tenant

NAME = "prompt"
_IN_LIST = "scorers[0]"
"""Where errors say that the only scorer stands."""
ANSWER_SECONDS = 120.0
EXCERPT_CHARS = 4_000
ANSWER_CHARS = 200
_NO_ANSWER = frozenset({"model_declined", "model_truncated", "output_schema_mismatch"})
"""What the model did with what it was asked, rather than what went wrong on the way: worth 0."""


@dataclass(frozen=True)
class PromptTarget:
    """One text of one version of a prompt. `snapshot` is what `PromptTargets.pin` makes."""

    tenant: Tenant
    services: Services
    snapshot: Mapping[str, Any]

    @property
    def instruction(self) -> str:
        return parts(self.snapshot["document"])[self.snapshot["part"]]

    @property
    def task(self) -> str:
        snapshot = self.snapshot
        others = [f"{path}:\n{text}" for path, text in parts(snapshot["document"]).items() if path != snapshot["part"]]
        beside = "\n\nBeside it the model is given these texts, which stay as they are:\n\n" + "\n\n".join(others)
        return (
            f"It is the text `{snapshot['part']}` of a prompt for a model, a template: what stands in {{{{ }}}} and "
            "{% %} is filled in for each input, must all be kept word for word, and none may be added. Each answer is "
            f"scored by {snapshot['scorer']['name']!r}, from 0 to 1." + (beside if others else "")
        )

    @cached_property
    def version(self) -> str:
        still = {**self.snapshot, "document": with_part(self.snapshot["document"], self.snapshot["part"], "")}
        return hashlib.blake2b(msgspec.json.encode(still, order="deterministic"), digest_size=12).hexdigest()

    @property
    def classes(self) -> Classes | None:
        labels = self.snapshot["classes"]
        return None if labels is None else Classes(tuple(labels))

    @property
    def timeout_seconds(self) -> float:
        return ANSWER_SECONDS + float(self.snapshot["scoringSeconds"])

    @property
    def most_chars(self) -> int:
        return most_chars(self.instruction, MAX_INSTRUCTION_CHARS)

    def check(self, instruction: str) -> str:
        text = kept(self.instruction, instruction)
        check_length(text, self.most_chars)
        return text

    async def score(self, instruction: str, example: Example, attempt: Attempt) -> Result:
        request = self._request(instruction, example)
        saw = cut("\n\n".join(f"{message.role}: {message.text}" for message in request.messages), EXCERPT_CHARS)
        try:
            response = await self.services.models.complete(self.tenant, request, attempt.meter)
        except StepError as error:
            if error.code not in _NO_ANSWER:
                raise
            return Result(0.0, saw=saw, said=cut(error.cause or "", EXCERPT_CHARS), problem=error.message)
        return await self._scored(example, response, saw, attempt)

    def feedback(self, example: Example, result: Result) -> str:
        if result.problem is not None:
            return f"There is no score: {result.problem} Expected was: {example.truth}"
        verdict = "This is right." if result.score >= 1 else f"Expected was: {example.truth}"
        why = "" if result.explanation is None else f" The scorer says: {result.explanation}"
        return f"The answer is worth {result.score:g}. {verdict}{why}"

    async def request(self, instruction: str, example: Example) -> tuple[ModelRequest, int]:
        grown = instruction.ljust(self.most_chars, "x")
        return self._request(grown, example), 1 + len((await self._scorer()).models)

    async def _scorer(self) -> Scorer[Any]:
        await load()
        return build([self.snapshot["scorer"]])[0]

    def _request(self, instruction: str, example: Example) -> ModelRequest:
        document = with_part(self.snapshot["document"], self.snapshot["part"], instruction)
        given: Any = document
        values = row_of(example.data).values
        told: list[tuple[Role, str]] = [("system", given["system"])] if given.get("system") is not None else []
        said = given.get("messages") or [{"role": "user", "content": given.get("prompt")}]
        told += [(message["role"], message["content"]) for message in said]
        messages = tuple(Message(role, template(text).render(values)) for role, text in told)
        params = given.get("params") or {}
        return ModelRequest(self.snapshot["model"], messages, params, given.get("schema"), purpose="metric")

    async def _scored(self, example: Example, response: ModelResponse, saw: str, attempt: Attempt) -> Result:
        row, output = row_of(example.data).row, response.value
        sample = Sample(example.id, row.input, output, row.truth, row.metadata, row.context)
        scorer = await self._scorer()
        context = ScoringContext(self.tenant, self.services, attempt.meter, attempt.detail)
        outcome = await run_scorer(scorer, sample, context)
        said = cut(readable(output), EXCERPT_CHARS)
        if not isinstance(outcome, Scored):
            if isinstance(outcome, ScoreError) and scorer.recorded:
                # As a failed step: one that succeeded would be found again instead of being scored again.
                raise StepError("scoring_failed", outcome.reason)
            return Result(0.0, saw=saw, said=said, problem=outcome.reason)
        score = min(1.0, max(0.0, outcome.value))
        predicted = self._predicted(example, score, outcome.answer or as_text(output))
        return Result(score, predicted, saw, said, explanation=outcome.explanation)

    def _predicted(self, example: Example, score: float, answer: str) -> str | None:
        """The class that was answered: the truth where the scorer takes it for right, else the one it is called."""
        labels, text = self.snapshot["classes"], answer.strip()
        if labels is None:
            return cut(text, ANSWER_CHARS)
        if score >= 1:
            return example.truth
        return text if text in labels and text != example.truth else None


@dataclass(frozen=True)
class PromptTargets:
    """Saved prompts as subjects of optimizations."""

    services: Services
    pinner: Pinner

    @property
    def name(self) -> str:
        return NAME

    async def pin(self, tenant: Tenant, subject: PromptSubject) -> Pinned:
        """Raises `NotFound` for what is named and is not there, `Invalid` naming the member that is wrong."""
        saved = await self.pinner.prompts.get(tenant, subject.prompt, subject.version or "latest")
        document: Any = saved.document
        part = _part(saved, subject.part)
        scorer = await self._scorer(tenant, subject.scorer)
        model = subject.model or document.get("model") or self.services.models.default_model()
        await self.pinner.model_identity(tenant, model)
        source = RowSource(self.pinner.benchmarks, self.services.datasets)
        found = await source.examples(tenant, subject, saved.document)
        labels = classes_of(found.examples)
        snapshot: dict[str, Json] = {
            "id": saved.id,
            "name": saved.name,
            "version": saved.version,
            "document": saved.document,
            "part": part,
            "model": model,
            "scorer": scorer,
            "scoringSeconds": build([scorer])[0].timeout_seconds,
            "source": found.source,
            "classes": labels,
        }
        notes = () if labels else ("Answers are too many to be counted, so there is no kappa: scores are compared.",)
        return Pinned(
            subject_id=saved.id,
            subject_name=saved.name,
            subject_version=saved.version,
            snapshot=snapshot,
            examples=found.examples,
            annotations=len(found.examples),
            left_out=found.left_out,
            notes=notes,
        )

    async def _scorer(self, tenant: Tenant, given: Json) -> Any:
        try:
            (pinned,) = await self.pinner.pinned_scorers(tenant, [given])
        except Invalid as error:
            named = [replace(fault, path=fault.path.replace(_IN_LIST, "scorer", 1)) for fault in error.errors]
            raise Invalid(error.code, error.detail.replace(_IN_LIST, "scorer", 1), errors=tuple(named)) from error
        return pinned

    def open(self, tenant: Tenant, snapshot: JsonObject) -> PromptTarget:
        return PromptTarget(tenant, self.services, snapshot)

    async def apply(
        self, tenant: Tenant, snapshot: JsonObject, instruction: str, *, force: bool, by: str | None
    ) -> Transaction[int]:
        """The next version of the prompt has the text in the place of the old one; its other texts are as they are.

        Raises `NotFound`, and `Conflict` (`subject_changed`) when there is a newer version than the one that was
        optimized, or under `force` when that one has no such text any more.
        """
        pinned: Any = snapshot
        latest = await self.pinner.prompts.get(tenant, pinned["id"])
        if latest.version != pinned["version"] and not force:
            raise _changed(latest, pinned)
        try:
            document = with_part(latest.document, pinned["part"], instruction)
        except KeyError:
            detail = f"Version {latest.version} of prompt {latest.name!r} has no text `{pinned['part']}`."
            raise Conflict("subject_changed", detail) from None
        check_document(document)
        return _applied(tenant, latest, document)


def _applied(tenant: Tenant, latest: SavedPrompt, document: JsonObject) -> Transaction[int]:
    found = yield from rows.get(tenant, latest.id, None)
    if found["version"] != latest.version:
        detail = f"Prompt {latest.name!r} was changed just now; try again."
        raise Conflict("subject_changed", detail)
    made = yield from rows.insert_version(tenant, latest.id, dumps(document))
    return int(made["version"])


def _changed(latest: SavedPrompt, pinned: Mapping[str, Any]) -> Conflict:
    return Conflict(
        "subject_changed",
        f"Prompt {latest.name!r} is at version {latest.version}; version {pinned['version']} was optimized. "
        "Apply with force to put the optimized text into the newest version.",
    )


def _part(saved: SavedPrompt, wanted: str | None) -> str:
    """The path of the text that is optimized. Raises `Invalid` when the prompt has none there."""
    found = parts(saved.document)
    if wanted is not None and wanted not in found:
        raise invalid("part", f"prompt {saved.name!r} has no text {wanted!r}; it has {', '.join(found)}")
    return wanted or next(iter(found))
