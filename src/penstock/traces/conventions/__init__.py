"""What senders mean by their attributes. One file for each convention; the first that says something is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.traces.conventions.base import Sent
from penstock.traces.conventions.gen_ai import GEN_AI
from penstock.traces.conventions.openinference import OPENINFERENCE
from penstock.traces.conventions.openllmetry import OPENLLMETRY
from penstock.traces.conventions.plain import PLAIN

CONVENTIONS = (GEN_AI, OPENINFERENCE, OPENLLMETRY, PLAIN)


def understood(name: str, attributes: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Those fields of a `Span` that the attributes and events tell of: kind, model, input, tokens, …"""
    sent = Sent(name, attributes, events)
    begin = {name.partition(".")[0] for name in (*attributes, *(event["name"] for event in events))}
    found: dict[str, Any] = {}
    for convention in CONVENTIONS:
        if convention.prefixes.isdisjoint(begin):
            continue
        for field, readers in convention.fields.items():
            if field in found:
                continue
            for read in readers:
                if (value := read(sent)) is not None:
                    found[field] = value
                    break
    # Whoever names a model and no kind has asked it; a word like `model` alone may mean anything.
    if "kind" not in found and "model" in found and ("gen_ai" in begin or "input_tokens" in found):
        found["kind"] = "llm"
    return found
