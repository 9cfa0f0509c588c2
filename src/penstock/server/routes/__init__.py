"""One file per resource. Each has a `router`, and `SCHEMAS`: the types its description refers to."""

from __future__ import annotations

from fastapi import APIRouter

from penstock.server.routes import (
    benchmark_drafts,
    benchmarks,
    catalog,
    comparisons,
    compute_units,
    control,
    datasets,
    docs,
    evaluations,
    events,
    executions,
    experiments,
    flows,
    health,
    integrations,
    jobs,
    judges,
    keys,
    labels,
    leaderboards,
    limits,
    members,
    models,
    otlp,
    pairwise_evaluations,
    project,
    prompts,
    redaction,
    retention,
    runs,
    schedules,
    scorers,
    secrets,
    trace_evaluations,
    traces,
    usage,
    webhooks,
)

# The first match wins and costs least: the calls that are made most come first, and `/flows/executions` must come
# before `/flows/{flow}`.
_MODULES = (
    otlp,
    runs,
    executions,
    schedules,
    control,
    events,
    flows,
    evaluations,
    experiments,
    comparisons,
    leaderboards,
    benchmarks,
    benchmark_drafts,
    scorers,
    traces,
    judges,
    trace_evaluations,
    pairwise_evaluations,
    labels,
    datasets,
    prompts,
    models,
    catalog,
    project,
    secrets,
    keys,
    members,
    integrations,
    jobs,
    limits,
    redaction,
    retention,
    webhooks,
    usage,
    compute_units,
)

ROUTERS: tuple[APIRouter, ...] = (*(module.router for module in _MODULES), docs.router, health.router)

SCHEMAS: tuple[type, ...] = tuple(kind for module in _MODULES for kind in module.SCHEMAS)
