"""From a request to a spec: everything that may change later is decided once, when an evaluation is submitted."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from penstock.errors import FieldError, Invalid, StepError, Unprocessable
from penstock.evaluations.benchmarks.model import Benchmark, BenchmarkVersion
from penstock.evaluations.benchmarks.service import BenchmarkService
from penstock.evaluations.definition import differences
from penstock.evaluations.requests import EvaluationRequest, Variant
from penstock.evaluations.scorers.library import ScorerLibrary
from penstock.evaluations.scorers.specs import JUDGES, build
from penstock.executions.paths import LARGEST_ORDINAL
from penstock.flows.expressions import ExpressionError, template
from penstock.flows.prompts import PromptLibrary
from penstock.flows.service import FlowService
from penstock.models.catalog import Catalog
from penstock.models.providers.base import Endpoint
from penstock.types import Json, JsonObject, Tenant

DEFAULT_SCORERS: tuple[Json, ...] = ("exact",)
MAX_ITEMS = LARGEST_ORDINAL + 1
_NOT_IDENTITY = frozenset({"api_key", "pricing"})
"""Of an endpoint: what it takes to call it. What is called is the rest."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The benchmark of a request, in the version that is run, and how many of its rows are."""

    benchmark: Benchmark
    version: BenchmarkVersion
    rows: int


@dataclass(frozen=True)
class Pinner:
    """Looks up what requests name."""

    benchmarks: BenchmarkService
    scorers: ScorerLibrary
    catalog: Catalog
    prompts: PromptLibrary
    flows: FlowService

    async def benchmark(self, tenant: Tenant, request: EvaluationRequest) -> Chosen:
        """Raises `NotFound` for an unknown benchmark or version, `Invalid` when no row is chosen."""
        benchmark = await self.benchmarks.get(tenant, request.benchmark)
        version = await self.benchmarks.version(benchmark, request.version)
        rows = await self.benchmarks.count(benchmark, version, request.choice)
        if rows == 0:
            detail = f"No row of benchmark {benchmark.key!r} (version {version.version}) is chosen."
            raise Invalid("no_rows", detail, errors=(FieldError("choice", detail),))
        return Chosen(benchmark, version, rows)

    async def spec(self, tenant: Tenant, request: EvaluationRequest, chosen: Chosen) -> dict[str, Json]:
        """The whole description of the work. Raises `Invalid` naming each field that is wrong, and `NotFound`."""
        benchmark, version = chosen.benchmark, chosen.version
        items = chosen.rows * len(request.variants) * request.epochs
        if items > MAX_ITEMS:
            raise _invalid("epochs", f"{items:,} answers are more than the {MAX_ITEMS:,} of one execution")
        given = request.scorers or benchmark.scorers or DEFAULT_SCORERS
        spec: dict[str, Json] = {
            "benchmark": {
                "id": benchmark.id,
                "key": benchmark.key,
                "name": benchmark.name,
                "version": version.version,
                "contentHash": version.content_hash,
            },
            "choice": request.choice.as_json(),
            "rows": chosen.rows,
            "epochs": request.epochs,
            "reducer": request.reducer,
            "scorers": await self.pinned_scorers(tenant, given),
            "variants": await self._variants(tenant, request, benchmark),
            "cache": request.cache,
        }
        if request.experiment is not None:
            spec["experiment"] = request.experiment
        return spec

    async def pinned_scorers(self, tenant: Tenant, given: Sequence[Json]) -> list[Json]:
        """Their snapshots, each with what the models that it asks stand for now. Raises as `spec` does."""
        snapshots = await self.scorers.pin(tenant, given)
        pinned: list[Json] = []
        for number, (snapshot, scorer) in enumerate(zip(snapshots, build(snapshots), strict=True)):
            judges = [await self.model_identity(tenant, model, f"scorers[{number}].model") for model in scorer.models]
            pinned.append({**snapshot, JUDGES: judges} if judges else snapshot)
        return pinned

    async def _variants(self, tenant: Tenant, request: EvaluationRequest, benchmark: Benchmark) -> list[Json]:
        names = _names(request.variants)
        pinned: list[Json] = []
        for number, (name, variant) in enumerate(zip(names, request.variants, strict=True)):
            at = f"variants[{number}]." if len(names) > 1 else ""
            if (variant.model is None) == (variant.flow is None):
                raise _invalid(f"{at}model", "give exactly one of model and flow")
            of_flow = variant.flow is not None
            made = await (self._flow(tenant, variant) if of_flow else self._model(tenant, variant, benchmark, at))
            pinned.append({"name": name, **made})
        return pinned

    async def _flow(self, tenant: Tenant, variant: Variant) -> JsonObject:
        pinned = await self.flows.pin_target(tenant, variant.flow or "", variant.flow_version)
        inputs = None if variant.inputs is None else dict(variant.inputs)
        return {"target": {"kind": "flow", **pinned}, "messages": None, "params": {}, "inputs": inputs}

    async def _model(self, tenant: Tenant, variant: Variant, benchmark: Benchmark, at: str) -> JsonObject:
        told, params, model = await self._told(tenant, variant, benchmark, at)
        target = await self.model_identity(tenant, variant.model or model or self.catalog.default_model(), f"{at}model")
        return {"target": target, "messages": told, "params": params, "inputs": None}

    async def model_identity(self, tenant: Tenant, model: str, field: str = "model") -> JsonObject:
        """What a model's name stands for now. Raises `Invalid` when it stands for nothing that can be called."""
        try:
            endpoint = await self.catalog.resolve(tenant, model)
        except StepError as error:
            raise _invalid(field, error.message, error.code) from error
        return {"kind": "model", "model": model, "endpoint": identity(endpoint)}

    async def check_unchanged(self, tenant: Tenant, pinned: JsonObject) -> None:
        """Raises `Unprocessable` unless a model still stands for what it did (see `model_identity`)."""
        model: Any = pinned["model"]
        changed = list(differences(pinned, await self.model_identity(tenant, model)))
        if changed:
            named = ", ".join(f"{one.path}: {one.first!r} is now {one.second!r}" for one in changed)
            raise Unprocessable(
                "definition_changed",
                f"Model {model!r} is no longer what this evaluation was started with ({named}); restore it, "
                "or start a new evaluation.",
            )

    async def _told(
        self, tenant: Tenant, variant: Variant, benchmark: Benchmark, at: str
    ) -> tuple[list[Json] | None, JsonObject, str | None]:
        """Messages (None: the row's input as it is), parameters, and the model that a saved prompt names."""
        if variant.prompt_id is not None:
            saved = await self.prompts.get(tenant, variant.prompt_id, variant.prompt_version or "latest")
            document: Any = saved.document
            messages = _messages(document.get("system"), document.get("prompt"), document.get("messages"))
            return messages, {**(document.get("params") or {}), **variant.params}, document.get("model")
        own = variant.prompt is not None or variant.messages is not None
        prompt = variant.prompt if own else benchmark.prompt
        system = variant.system if variant.system is not None else benchmark.system
        messages = _messages(system, prompt, variant.messages)
        _check_templates(messages, at)
        return messages, dict(variant.params), None


def identity(endpoint: Endpoint) -> JsonObject:
    """What is called, without what it takes to call it."""
    members = {field.name: getattr(endpoint, field.name) for field in dataclasses.fields(endpoint)}
    named: JsonObject = msgspec.to_builtins({n: v for n, v in members.items() if n not in _NOT_IDENTITY})
    return named


def variant_digest(variant: JsonObject) -> bytes:
    """32 bytes that stand for what a variant asks; its name is no part of that."""
    asked = {name: value for name, value in variant.items() if name != "name"}
    return hashlib.blake2b(msgspec.json.encode(asked, order="deterministic"), digest_size=32).digest()


def _messages(system: str | None, prompt: str | None, messages: Sequence[Any] | None) -> list[Json] | None:
    """A conversation of templates; a user's message with null for its content stands for the row's input."""
    if system is None and prompt is None and not messages:
        return None
    told: list[Json] = [] if system is None else [{"role": "system", "content": system}]
    if messages:
        return told + [{"role": message["role"], "content": message["content"]} for message in messages]
    return [*told, {"role": "user", "content": prompt}]


def _check_templates(messages: Sequence[Any] | None, at: str) -> None:
    for message in messages or ():
        if message["content"] is None:
            continue
        try:
            template(message["content"])
        except ExpressionError as error:
            raise _invalid(f"{at}{'system' if message['role'] == 'system' else 'prompt'}", str(error)) from error


def _names(variants: Sequence[Variant]) -> list[str]:
    """A name for each variant; one that has none is called after its target. Raises `Invalid` for two alike."""
    names = [variant.name or variant.model or variant.flow or "" for variant in variants]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise _invalid("variants", f"two variants are named {doubled[0]!r}; give them names of their own")
    return names


def _invalid(field: str, message: str, code: str = "evaluation_invalid") -> Invalid:
    return Invalid(code, f"{field}: {message}", errors=(FieldError(field, message),))
