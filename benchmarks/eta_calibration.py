"""How honest the estimate of the time left is: many runs of many kinds, sampled along the way, against what came.

Real runs of a real server with a scripted model: latencies that are all the same, scattered, exponential, long-tailed,
of two kinds; that grow threefold half-way or slowly all along, which nobody can foresee; rows that a splitter
multiplies; 20 to 400 rows, 2 to 40 at a time. A perfect estimate would be long enough in 50 % of samples at its median,
and in 90 % at its 90th percentile. Each run counts the same, however long it is.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.penstock_server import Server, penstock_server
from benchmarks.report import Report, at_least, at_most
from benchmarks.workspace import scratch
from penstock import AsyncPenstock, ProgressEvent
from penstock.client.objects import Execution
from penstock.client.options import RunOptions
from penstock.testing.model_server import ModelServer

TOGETHER = 6
SHAPES = ((20, 2), (60, 10), (120, 40), (200, 5), (400, 20))
BEST = 10
"""Points by which the shares may be off."""
MEAN_MS = 150
STEADY = ("steady", "scattered", "exponential", "long-tailed", "of two kinds", "split")

Latency = Callable[[random.Random, float], float]
LATENCIES: dict[str, Latency] = {
    "steady": lambda draw, at: 1.0,
    "scattered": lambda draw, at: draw.uniform(0.5, 1.5),
    "exponential": lambda draw, at: draw.expovariate(1.0),
    "long-tailed": lambda draw, at: draw.lognormvariate(-0.5, 1.0),
    "of two kinds": lambda draw, at: 5.0 if draw.random() < 0.1 else 0.55,
    "split": lambda draw, at: draw.uniform(0.5, 1.5),
    "slower half-way": lambda draw, at: draw.uniform(0.5, 1.5) * (3 if at > 0.5 else 1),
    "slower and slower": lambda draw, at: draw.uniform(0.5, 1.5) * (1 + at),
}
STEPS_MS = (10, 20, 40, 60, 80, 100, 125, 150, 175, 200, 250, 300, 400, 600, 900, 1500)
"""The delays that the model server knows; each latency becomes the nearest of them."""

ASK = {"type": "prompt", "model": "scripted", "prompt": "[{{ ms }}] {{ n }}"}
NUMBER = {"type": "integer", "required": True}
FLOW = {
    "name": "ask",
    "input": {"n": NUMBER, "ms": NUMBER},
    "nodes": {"answer": {**ASK, "inputs": {"n": "input.n", "ms": "input.ms"}}},
    "output": {"answer": "answer.out"},
}
SPLIT = {
    "name": "split",
    "input": {"n": NUMBER, "parts": {"type": "array", "required": True}},
    "nodes": {
        "each": {"type": "split", "inputs": {"array": "input.parts"}},
        "answer": {**ASK, "inputs": {"n": "input.n", "ms": "each.out"}},
        "all": {"type": "flatten", "inputs": {"value": "answer.out"}},
    },
    "output": {"answers": "all.out"},
}


@dataclass(frozen=True)
class Sample:
    """One look at a run: how far it was in time, and whether the estimates were long enough."""

    kind: str
    quarter: int
    weight: float
    in_median: bool
    in_bound: bool


def measure(report: Report, *, quick: bool) -> None:
    """All kinds and shapes, some runs at a time, in an order of chance."""
    repeats = 1 if quick else 3
    plan = [(kind, *shape) for kind in LATENCIES for shape in (SHAPES[:3] if quick else SHAPES)] * repeats
    random.Random(11).shuffle(plan)
    rules = [{"contains": f"[{ms}]", "delayMs": ms} for ms in STEPS_MS]
    with scratch() as folder, ModelServer.start(rules=rules) as model, penstock_server(folder) as server:
        _prepare(server, model.url)
        samples = asyncio.run(_run_all(server, plan))
    steady = [sample for sample in samples if sample.kind in STEADY]
    report.note(f"{len(plan)} runs, {len(samples):,} samples; {TOGETHER} runs at a time.")
    _add(report, "runs that keep their pace", steady, judged=True)
    for quarter in range(4):
        its = [sample for sample in steady if sample.quarter == quarter]
        _add(report, f"of these in quarter {quarter + 1}", its)
    for kind in LATENCIES:
        _add(report, f"latency {kind}", [sample for sample in samples if sample.kind == kind])


def _add(report: Report, what: str, samples: list[Sample], *, judged: bool = False) -> None:
    if not samples:
        return
    weight = sum(sample.weight for sample in samples)
    median = 100 * sum(sample.weight for sample in samples if sample.in_median) / weight
    bound = 100 * sum(sample.weight for sample in samples if sample.in_bound) / weight
    report.add(f"over within the median, {what}", median, "%")
    report.add(f"over within the 90th percentile, {what}", bound, "%")
    if judged:
        report.add("the median is off by", abs(median - 50), "points", target=at_most(BEST))
        report.add("the 90th percentile holds", bound, "%", target=at_least(90 - BEST))


def _prepare(server: Server, model_url: str) -> None:
    model = {"name": "scripted", "provider": "openai", "baseUrl": f"{model_url}/v1", "modelName": "scripted"}
    server.call("POST", "/models", {**model, "apiKey": "unused"})
    for flow in (FLOW, SPLIT):
        server.call("POST", "/flows", flow)


async def _run_all(server: Server, plan: list[tuple[str, int, int]]) -> list[Sample]:
    places = asyncio.Semaphore(TOGETHER)
    async with AsyncPenstock(server.url, server.key) as client:

        async def one(seed: int, kind: str, rows: int, concurrency: int) -> list[Sample]:
            async with places:
                return await _run(client, random.Random(seed), kind, rows, concurrency)

        return [*itertools.chain(*await asyncio.gather(*(one(seed, *shape) for seed, shape in enumerate(plan))))]


async def _run(client: AsyncPenstock, draw: random.Random, kind: str, rows: int, concurrency: int) -> list[Sample]:
    inputs = [*_split_rows(draw, rows)] if kind == "split" else [*_rows(draw, LATENCIES[kind], rows)]
    flow = "split" if kind == "split" else "ask"
    handle = await client.flows.run(flow, inputs, options=RunOptions(concurrency=concurrency))
    seen: list[Execution] = []
    async for event in handle.events():
        if isinstance(event, ProgressEvent) and event.progress.eta is not None:
            seen.append(event.progress)
    final = await handle.refresh()
    if final.status != "completed" or final.partial:
        raise RuntimeError(f"a run did not complete: {final.to_dict()}")
    return [_sample(kind, look, final.elapsed_ms, 1 / len(seen)) for look in seen]


def _sample(kind: str, look: Execution, whole_ms: int, weight: float) -> Sample:
    """One look at a run that took `whole_ms` in the end."""
    left = (whole_ms - look.elapsed_ms) / 1000
    median = bound = 0.0
    if look.eta is not None:
        median, bound = look.eta.seconds_p50 or 0.0, look.eta.seconds_p90 or 0.0
    return Sample(kind, min(3, 4 * look.elapsed_ms // max(1, whole_ms)), weight, left <= median, left <= bound)


def _rows(draw: random.Random, latency: Latency, count: int) -> Iterator[dict[str, int]]:
    return ({"n": n, "ms": _step(MEAN_MS * latency(draw, n / count))} for n in range(count))


def _split_rows(draw: random.Random, count: int) -> Iterator[dict[str, object]]:
    for n in range(count // 5):
        parts = [_step(MEAN_MS * LATENCIES["split"](draw, 0.0)) for _ in range(draw.randint(1, 9))]
        yield {"n": n, "parts": parts}


def _step(ms: float) -> int:
    return min(STEPS_MS, key=lambda step: abs(step - ms))
