"""Attributes that people name themselves when they make spans by hand: `input`, `output`, `model`, `kind`, …"""

from __future__ import annotations

from penstock.traces.conventions.base import Convention, Reader, count, money, text, value, word

_KINDS = {
    "llm": "llm",
    "model": "llm",
    "generation": "llm",
    "completion": "llm",
    "chat": "llm",
    "tool": "tool",
    "function": "tool",
    "retrieval": "retrieval",
    "retriever": "retrieval",
    "embedding": "embedding",
    "agent": "agent",
    "chain": "chain",
    "workflow": "chain",
    "task": "chain",
    "judge": "judge",
    "evaluator": "judge",
}
_KIND_NAMES = ("kind", "type", "span.kind", "span.type")
_INPUT = ("input", "inputs", "messages", "prompt", "question", "query", "request", "arguments")
_OUTPUT = ("output", "outputs", "completion", "response", "answer", "result")
_MODEL = ("model", "model_name", "model.name")
_INPUT_TOKENS = ("input_tokens", "prompt_tokens", "tokens.input", "usage.input_tokens", "usage.prompt_tokens")
_OUTPUT_TOKENS = (
    "output_tokens",
    "completion_tokens",
    "tokens.output",
    "usage.output_tokens",
    "usage.completion_tokens",
)
_COST = ("cost_usd", "cost", "total_cost")

_FIELDS: dict[str, list[Reader]] = {
    "kind": [word(name, _KINDS) for name in _KIND_NAMES],
    "model": [text(*_MODEL)],
    "provider": [text("provider", "model.provider")],
    "input": [value(*_INPUT)],
    "output": [value(*_OUTPUT)],
    "input_tokens": [count(*_INPUT_TOKENS)],
    "output_tokens": [count(*_OUTPUT_TOKENS)],
    "cost_usd": [money(*_COST)],
}
_NAMES = (*_KIND_NAMES, *_INPUT, *_OUTPUT, *_MODEL, *_INPUT_TOKENS, *_OUTPUT_TOKENS, *_COST, "provider")

PLAIN = Convention(prefixes=frozenset(name.partition(".")[0] for name in _NAMES), fields=_FIELDS)
