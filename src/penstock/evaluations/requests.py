"""What an evaluation is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from penstock.evaluations.benchmarks.model import RowChoice
from penstock.evaluations.model import MAX_EPOCHS, MAX_VARIANTS, Reducer
from penstock.executions.model import Budget, ErrorPolicy
from penstock.types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Variant:
    """One target, and what it is told. Exactly one of `model` and `flow`.

    A model is sent the row's input as it is; with `prompt` (a template over the row's members) that text instead, or
    with `messages` a whole conversation of templates; `system` goes before either. `prompt_id` names a saved prompt in
    their place. What is left out is the benchmark's. `inputs` says for a flow which member of the row each of its input
    fields is.
    """

    name: str | None = None
    model: str | None = None
    flow: str | None = None
    flow_version: int | None = None
    system: str | None = None
    prompt: str | None = None
    messages: tuple[Mapping[str, str], ...] | None = None
    prompt_id: str | None = None
    prompt_version: int | None = None
    params: JsonObject = field(default_factory=dict)
    inputs: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """One request. None for a setting takes the benchmark's own, then the server's.

    `experiment` names an execution of several variants. `cache` answers from earlier answers to the same request.
    """

    benchmark: str
    variants: tuple[Variant, ...]
    version: int | None = None
    choice: RowChoice = field(default_factory=RowChoice)
    scorers: tuple[Json, ...] = ()
    epochs: int = 1
    reducer: Reducer = "mean"
    name: str | None = None
    experiment: JsonObject | None = None
    cache: bool = False
    concurrency: int | None = None
    deadline_seconds: float | None = None
    on_item_error: ErrorPolicy | None = None
    budget: Budget | None = None
    metadata: JsonObject | None = None
    tags: tuple[str, ...] = ()
    webhook_url: str | None = None
    idempotency_key: str | None = None
    request_hash: str = ""
    created_by: str | None = None


MAX_TAGS = 20
LIMITS = {"variants": MAX_VARIANTS, "epochs": MAX_EPOCHS, "tags": MAX_TAGS}
