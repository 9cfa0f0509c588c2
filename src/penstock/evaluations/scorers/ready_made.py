"""The LLM scorers that come with Penstock: one readable file each in `prompts/`, a header in YAML and a template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_FENCE = "---\n"


@dataclass(frozen=True, slots=True)
class ReadyMade:
    """`output` is the menu as settings have it, `prompt` a template over a sample."""

    name: str
    title: str
    description: str
    output: Mapping[str, Any]
    prompt: str


@cache
def ready_made() -> Mapping[str, ReadyMade]:
    """Each by its name."""
    folder = resources.files("penstock.evaluations.scorers") / "prompts"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".md")), key=lambda entry: entry.name)
    return {made.name: made for made in (_read(file.name.removesuffix(".md"), file.read_text()) for file in files)}


def _read(name: str, text: str) -> ReadyMade:
    import yaml

    _, header, prompt = text.split(_FENCE, 2)
    facts = yaml.safe_load(header)
    return ReadyMade(name, facts["title"], facts["description"], facts["output"], prompt.strip())
