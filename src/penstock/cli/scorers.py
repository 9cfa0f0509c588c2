"""`penstock scorers`."""

from __future__ import annotations

import json
from typing import Any

import click

from penstock.cli.arguments import NameType
from penstock.cli.inputs import InputFileType
from penstock.cli.output import plain, show_json, show_records
from penstock.cli.session import FAILED, Session, session_command

_name = click.argument("scorer", metavar="SCORER", type=NameType())


@click.group()
def scorers() -> None:
    """Say what an answer is worth: list, save and try scorers."""


@scorers.command("list")
@session_command()
async def list_scorers(session: Session) -> None:
    """List the saved scorers."""
    found = [scorer async for scorer in session.client.scorers.list()]
    columns = {"name": "name", "type": "type", "version": "version", "description": "description", "id": "id"}
    none = "No saved scorers yet; every type works without: penstock scorers types"
    show_records(found, columns, as_json=session.as_json, none=none)


@scorers.command()
@session_command()
async def types(session: Session) -> None:
    """List the types of scorers, those of installed packages included."""
    found = [kind async for kind in session.client.scorers.types()]
    columns = {"type": "type", "title": "title", "description": "description"}
    show_records(found, columns, as_json=session.as_json, none="There are no scorers.")


@scorers.command()
@click.argument("name", type=NameType())
@click.argument("definition", metavar="DEFINITION")
@click.option("--description", default="", help="For people.")
@session_command()
async def create(session: Session, name: str, definition: str, description: str) -> None:
    """Save a scorer under a name. DEFINITION is a type, JSON of `type` and its settings, or a file of that."""
    saved = await session.client.scorers.create(name, _definition(definition), description=description)
    if session.as_json:
        show_json(saved.to_dict())
    else:
        click.echo(f"{saved.name} is saved, version {saved.version} ({saved.id})")


@scorers.command()
@click.argument("scorer", metavar="SCORER")
@click.option("--output", required=True, help="The answer to score.")
@click.option("--input", "asked", help="What was asked.")
@click.option("--truth", help="What is expected.")
@click.option("--context", help="What the answer was to keep to.")
@click.option("--metadata", type=InputFileType(), help="A JSON or YAML file of what else the row has.")
@session_command()
async def test(session: Session, /, scorer: str, **sample: Any) -> int | None:
    """Score one answer: by a type, a saved scorer, JSON of a definition, or a file of that."""
    row = {"input": sample["asked"], "truth": sample["truth"], "context": sample["context"]}
    row |= {"metadata": sample["metadata"] or {}}
    tried = await session.client.scorers.test(_definition(scorer), sample["output"], **row)
    outcome = tried.outcome
    if session.as_json:
        show_json(tried.to_dict())
    elif outcome.status == "scored":
        click.echo(f"{outcome.value:g}  {plain(outcome.explanation)}".rstrip())
    else:
        click.echo(f"{outcome.status}: {plain(outcome.reason)}", err=True)
    return FAILED if outcome.status == "error" else None


@scorers.command()
@_name
@session_command()
async def delete(session: Session, scorer: str) -> None:
    """Delete a saved scorer. Evaluations keep what they need of it."""
    await session.client.scorers.delete(scorer)


def _definition(text: str) -> str | dict[str, Any]:
    if text.lstrip().startswith("{"):
        try:
            content: dict[str, Any] = json.loads(text)
        except ValueError as fault:
            raise click.UsageError(f"the definition is not JSON: {fault}") from None
        return content
    if text.endswith((".json", ".yaml", ".yml")):
        read: dict[str, Any] = InputFileType().convert(text, None, None)
        return read
    return text
