"""The flows that are run, and what the scripted model does to them.

Every prompt names its execution, item and node, so that a call in the model server's log is known by its step. What a
row says decides how its calls go: `refused` always fails, `stumbles` fails at first, and so on.
"""

from __future__ import annotations

from random import Random
from typing import Any

MODEL = "priced"
PRICING = {"inputPerMillionUsd": "150", "outputPerMillionUsd": "600"}
NANOS_PER_INPUT_TOKEN = 150_000
NANOS_PER_OUTPUT_TOKEN = 600_000

ALWAYS = ("plain",) * 20
MIXED = (*ALWAYS, "refused", "stumbles", "limited", "cut", "slow", "refused-once")

RULES: list[dict[str, Any]] = [
    {"contains": "refused;", "status": 400, "error": "a request that is never right"},
    {"contains": "refused-once;", "status": 400, "times": 1, "each": True},
    {"contains": "stumbles;", "status": 500, "times": 1, "each": True},
    {"contains": "limited;", "status": 429, "retryAfterSeconds": 0.2, "times": 1, "each": True},
    {"contains": "cut;", "behaviour": "cut", "times": 1, "each": True},
    {"contains": "hangs;", "behaviour": "hang"},
    {"contains": "slow;", "delayMs": 500},
]

_CALL = """
    type: prompt
    model: priced
    prompt: "[{{{{ execution }}}} {{{{ path }}}} {name}] {{{{ mood }}}};"
    params: {{maxTokens: 60}}
    retry: {{maxAttempts: 4, initialDelaySeconds: 0.05, maxDelaySeconds: 0.5}}
    inputs: {{execution: system.executionId, path: system.itemPath, mood: {mood}{more}}}"""


def _call(name: str, mood: str, more: str = "") -> str:
    return f"  {name}:{_CALL.format(name=name, mood=mood, more=more)}"


CHAIN = f"""
name: chain
input: {{mood: {{type: string, required: true}}}}
settings: {{concurrency: 8}}
nodes:
{_call("first", "input.mood")}
{_call("second", "input.mood", ", before: first.out")}
{_call("third", "input.mood", ", before: second.out")}
output: {{first: first.out, third: third.out}}
"""

BRANCHES = f"""
name: branches
input: {{mood: {{type: string, required: true}}}}
settings: {{concurrency: 6}}
nodes:
{_call("left", "input.mood")}
{_call("right", "input.mood")}
{_call("joined", "input.mood", ", left: left.out, right: right.out")}
output: {{joined: joined.out}}
"""


def _split(mode: str) -> str:
    return f"""
name: split-{mode}
input: {{mood: {{type: string, required: true}}, parts: {{type: array, required: true}}}}
settings: {{concurrency: 6}}
nodes:
{_call("before", "input.mood")}
  parts: {{type: split, inputs: {{list: input.parts}}, mode: {mode}, after: [before]}}
{_call("element", "parts.out", ", before: before.out")}
  all: {{type: flatten, inputs: {{value: element.out}}}}
{_call("after", "input.mood", ", all: all.out")}
output: {{after: after.out}}
""".replace("mode: chunked", "mode: chunked, chunkSize: 2")


SINK = f"""
name: sink
input: {{mood: {{type: string, required: true}}}}
settings: {{concurrency: 6}}
nodes:
{_call("only", "input.mood")}
  keep:
    type: dataset_sink
    target: kept
    mapping: {{execution: execution, path: path, said: said}}
    inputs: {{execution: system.executionId, path: system.itemPath, said: only.out}}
output: {{row: keep.out}}
"""

ORDER = """
name: order
input: {mood: {type: string, required: true}}
settings: {concurrency: 6}
nodes:
  place:
    type: http_request
    method: POST
    url: RECEIVER/orders
    headers: {step: "{{ execution }} {{ path }} place"}
    body: {mood: "{{ mood }}"}
    inputs: {execution: system.executionId, path: system.itemPath, mood: input.mood}
output: {status: place.out.status}
"""
"""Calls another system, which is told by an `Idempotency-Key` what it has had before."""


def documents(receiver: str) -> dict[str, str]:
    """Every flow by its name."""
    return {
        "chain": CHAIN,
        "branches": BRANCHES,
        "split-parallel": _split("parallel"),
        "split-sequential": _split("sequential"),
        "split-chunked": _split("chunked"),
        "sink": SINK,
        "order": ORDER.replace("RECEIVER", receiver),
    }


NAMES = tuple(documents(""))
DATASET = "rows"
DATASET_ROWS = 40
BENCHMARK = "questions"
BENCHMARK_ROWS = 25
JUDGED = "judged"


def questions(draw: Random) -> list[dict[str, Any]]:
    """The rows of the benchmark; each knows its number, as the path of its item in an evaluation of all rows."""
    moods = [draw.choice(MIXED) for _ in range(BENCHMARK_ROWS)]
    return [{"id": str(n), "input": mood, "truth": mood, "metadata": {"n": n}} for n, mood in enumerate(moods)]


def evaluation(token: str, *, judged: bool) -> dict[str, Any]:
    """An evaluation whose calls are known by its token, by themselves or with those of a judge."""
    judge = {
        "type": "llm",
        "name": JUDGED,
        "model": MODEL,
        "prompt": f"[{token} {JUDGED}] {{{{ metadata.n }}}} {{{{ output }}}}",
        "params": {"maxTokens": 60},
    }
    return {
        "benchmark": BENCHMARK,
        "model": MODEL,
        "prompt": f"[{token} {{{{ id }}}} generate] {{{{ input }}}};",
        "params": {"maxTokens": 60},
        "scorers": [{"type": "contains"}, *([judge] if judged else [])],
    }


def a_row(flow: str, draw: Random, moods: tuple[str, ...] = MIXED) -> dict[str, Any]:
    """One input of a flow. Where it splits, only its elements have a mood other than plain."""
    if not flow.startswith("split"):
        return {"mood": draw.choice(moods)}
    return {"mood": "plain", "parts": [draw.choice(moods) for _ in range(draw.randint(0, 5))]}
