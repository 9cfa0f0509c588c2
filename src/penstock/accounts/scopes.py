"""What a key may do. A key holds a set of these words; `admin` stands for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from penstock.errors import FieldError, Invalid

ADMIN = "admin"

SCOPES: Mapping[str, str] = {
    "flows:read": "Read flows, their versions and their documentation.",
    "flows:write": "Create, change, deploy and delete flows.",
    "executions:read": "Read executions, their items, results and logs.",
    "executions:run": "Start executions, cancel, retry and delete them.",
    "evaluations:read": "Read evaluations, their rows and scores, comparisons and leaderboards.",
    "evaluations:run": "Start evaluations, score and run them again, and delete them.",
    "leaderboards:write": "Make, change and delete leaderboards.",
    "benchmarks:read": "Read benchmarks and their rows.",
    "benchmarks:write": "Import, generate, draft, change and delete benchmarks.",
    "datasets:read": "Read and export data sets.",
    "datasets:write": "Import, change and delete data sets.",
    "prompts:read": "Read saved prompts.",
    "prompts:write": "Create, change and delete saved prompts.",
    "secrets:write": "Put and delete secrets, and list their names; values can never be read back.",
    "schedules:read": "Read schedules and what came of their due times.",
    "schedules:write": "Create, change, run and delete schedules; all but deleting also needs executions:run, and"
    " judges:run for schedules of judges.",
    "scorers:read": "Read the saved scorers, and the types there are.",
    "scorers:write": "Save, change, try and delete scorers; to try one also needs executions:run.",
    "judges:read": "Read judges, and what they said of traces.",
    "judges:write": "Make, change and delete judges.",
    "judges:run": "Have traces judged.",
    "optimizations:read": "Read optimizations, what they tried and what came of them.",
    "optimizations:run": "Optimize judges and prompts; to apply it also needs judges:write or prompts:write.",
    "models:read": "Read the saved models and the public ones.",
    "models:write": "Save, change, test and delete models.",
    "project:read": "Read which models and benchmarks belong to the project, and its settings.",
    "project:write": "Choose the models and benchmarks of the project, and change its settings.",
    "annotations:read": "Read what people say of traces, and how far judges agree with it.",
    "annotations:write": "Label traces; import, change and delete labels.",
    "traces:read": "Read traces and their spans.",
    "traces:write": "Send, upload and delete traces.",
    "webhooks:read": "Read webhook endpoints and deliveries.",
    "webhooks:write": "Add, change and delete webhook endpoints, show and rotate secrets, replay deliveries.",
    "integrations:read": "Read the integrations of the organization.",
    "integrations:write": "Record, switch, test and delete integrations.",
    "keys:admin": "Create, list and revoke keys; add and remove members. A key can grant only what it may do itself.",
    "usage:read": "Read what was used, what it takes, and what is left of the compute units.",
    "limits:read": "Read the project's limits.",
    "limits:write": "Change the project's limits.",
    "metrics:read": "Read the metrics of the process.",
    ADMIN: "Everything.",
}


def allows(held: Iterable[str], needed: str) -> bool:
    """Whether a key with the scopes `held` may do what `needed` names."""
    scopes = frozenset(held)
    return needed in scopes or ADMIN in scopes


def checked_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """The same scopes, each once, in order.

    Raises `Invalid` when there is none, or one that does not exist.
    """
    chosen = tuple(dict.fromkeys(scopes))
    if not chosen:
        detail = f"A key needs at least one scope. There are: {', '.join(SCOPES)}."
        raise Invalid("scopes_missing", detail, errors=(FieldError("scopes", "must not be empty"),))
    unknown = tuple(FieldError(f"scopes[{n}]", f"{s!r} is no scope") for n, s in enumerate(chosen) if s not in SCOPES)
    if unknown:
        raise Invalid("scope_unknown", f"There are these scopes: {', '.join(SCOPES)}.", errors=unknown)
    return chosen
