"""No page of the documentation has fallen behind the program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from penstock.cli.main import cli
from penstock.flows.nodes import registry
from penstock.flows.nodes.base import NodeSettings
from penstock.server.app import api_routes
from penstock.settings import Limits

ROOT = Path(__file__).resolve().parents[2]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def names(settings: type[NodeSettings]) -> set[str]:
    """The settings' names as a document has them."""
    return {field.alias or name for name, field in settings.model_fields.items()}


def test_every_setting_of_every_node_is_documented() -> None:
    text = page("flows.md")
    for node in registry().values():
        assert f"`{node.name}`" in text
        assert not {name for name in names(node.settings) if f"`{name}`" not in text}, node.name


def test_every_command_and_flag_is_documented() -> None:
    lines = page("cli.md").splitlines()
    shared = {"--url", "--data", "--json", "--help"}
    for words, command in commands(cli, ()):
        row = next((line for line in lines if line.startswith(f"| `{' '.join(words)}")), "")
        assert row, words
        flags = {flag for option in command.params if isinstance(option, click.Option) for flag in option.opts}
        assert not {flag for flag in flags - shared if f"`{flag}" not in row}, words


def commands(group: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def test_every_call_is_documented() -> None:
    text = page("api.md")
    for route in api_routes():
        path = route.path.replace(":path}", "}")
        if path.startswith("/flows/executions"):
            continue  # The same calls as under /executions, which the page says.
        assert not [method for method in route.methods if f"`{method} {path}`" not in text], path


def test_every_limit_is_documented_with_its_default() -> None:
    text = page("configuration.md")
    for name, default in vars(Limits()).items():
        assert f"| `PENSTOCK_{name.upper()}` | {int(default)} |" in text


def test_every_variable_is_documented() -> None:
    text = page("configuration.md")
    sources = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    assert not {name for name in re.findall(r"PENSTOCK_[A-Z_]+[A-Z]", sources) if f"`{name}`" not in text}


def test_links_between_pages_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for file in pages:
        prose = re.sub(r"`[^`]*`", "", file.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", prose):
            assert (file.parent / target).exists(), f"{file.name}: {target}"
