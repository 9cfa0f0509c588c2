"""The second face: what clients of LayerLens Stratix speak, translated to Penstock's own services and back.

One module per resource, each with `routes`. It stands under `/api/v1`, and once more under `/api/v1/dgklmnr`, where
those clients go with a bearer token. Nothing is decided here that the services do not decide for every other caller.
"""

from __future__ import annotations

from penstock.server.stratix import (
    benchmarks,
    catalog,
    comparisons,
    evaluations,
    integrations,
    judge_optimizations,
    judges,
    models,
    optimization_stream,
    organizations,
    projects,
    results,
    scorers,
    sign_in,
    smart_benchmarks,
    spaces,
    stream,
    trace_evaluation_stream,
    trace_evaluations,
    traces,
    uploads,
)
from penstock.server.stratix.face import BASE, Face

__all__ = ["BASE", "face"]

# The first match wins and costs least, so what is polled comes first.
_MODULES = (
    evaluations,
    results,
    trace_evaluations,
    judge_optimizations,
    traces,
    judges,
    comparisons,
    stream,
    trace_evaluation_stream,
    optimization_stream,
    catalog,
    models,
    benchmarks,
    smart_benchmarks,
    scorers,
    spaces,
    organizations,
    projects,
    integrations,
    uploads,
    sign_in,
)


def face() -> Face:
    """The application to mount under `BASE`."""
    return Face([route for module in _MODULES for route in module.routes])
