"""Inputs of a run as they are typed: `--input key=value`, and files of JSON or YAML."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click


def typed_inputs(pairs: Sequence[str], declared: Mapping[str, Any]) -> dict[str, Any]:
    """One input from `key=value` pairs.

    What the flow declares as a string is taken as it is typed; other declared types are read as JSON. Raises
    UsageError naming the pair that does not fit.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise click.UsageError(f"--input {pair!r} must be NAME=VALUE")
        field = declared.get(name) or {}
        kind = field if isinstance(field, str) else field.get("type", "string")
        values[name] = text if kind == "string" else _as_json(name, text, kind)
    return values


class InputFileType(click.ParamType[Any]):
    """A file of inputs, JSON or YAML; becomes its content: an object is one input, a list of objects many."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the file; wrong usage when it holds anything else."""
        file = Path(value)
        try:
            text = file.read_text(encoding="utf-8")
            content = json.loads(text) if file.suffix == ".json" else _yaml(text)
        except (OSError, ValueError) as fault:
            self.fail(f"{value!r} cannot be read: {fault}", param, ctx)
        many = content if isinstance(content, list) else [content]
        if not many or not all(isinstance(one, dict) for one in many):
            self.fail(f"{value!r} must hold an object, or a list of objects", param, ctx)
        return content


def _as_json(name: str, text: str, kind: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise click.UsageError(f"--input {name}: {text!r} is not {kind}; write it as JSON") from None


def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise ValueError(str(fault)) from None
