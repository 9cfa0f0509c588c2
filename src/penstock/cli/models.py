"""`penstock models`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from penstock.cli.arguments import NameType
from penstock.cli.output import plain, show_json, show_records
from penstock.cli.session import FAILED, Session, session_command


@click.group()
def models() -> None:
    """List, add and test models."""


@models.command("list")
@session_command()
async def list_models(session: Session) -> None:
    """List the saved models."""
    found = [model async for model in session.client.models.list()]
    columns = {"name": "name", "provider": "provider", "model": "model_name", "address": "base_url"}
    none = "No saved models; names like openai/gpt-4o-mini and local/smollm2 work without."
    show_records(found, columns, as_json=session.as_json, none=none)


@models.command()
@click.argument("name")
@click.option("--provider", required=True, help="Whose wire it speaks: openai (and compatible), anthropic, gemini.")
@click.option("--model-name", required=True, help="Its name at the provider.")
@click.option("--base-url", help="Where it is, when not at the provider's own address.")
@click.option("--api-key-env", metavar="VARIABLE", help="The environment variable that holds its key.")
@click.option("--pricing", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A JSON file of prices.")
@session_command()
async def add(session: Session, /, name: str, **options: str | Path | None) -> None:
    """Save a model under a name of your own.

    The key is read from a variable, since a command line can be seen by others. It is kept encrypted.
    """
    pricing = options["pricing"]
    saved = await session.client.models.create(
        name,
        str(options["provider"]),
        str(options["model_name"]),
        base_url=_text(options["base_url"]),
        api_key=_key(_text(options["api_key_env"])),
        pricing=_prices(pricing) if isinstance(pricing, Path) else None,
    )
    if session.as_json:
        show_json(saved.to_dict())
    else:
        click.echo(f"{saved.name} is saved; try it: penstock models test {saved.name}{session.place.flags()}")


@models.command()
@click.argument("name", type=NameType())
@session_command()
async def test(session: Session, name: str) -> int | None:
    """Make a one-token call: whether it answers, how fast, or why not."""
    outcome = await session.client.models.test(name)
    if session.as_json:
        show_json(outcome.to_dict())
    elif outcome.ok:
        click.echo(f"{name} answers, in {outcome.latency_ms or 0:.0f} ms")
    else:
        reason = outcome.error.message if outcome.error else "no reason was given"
        click.echo(f"{name} does not answer: {plain(reason)}", err=True)
    return None if outcome.ok else FAILED


def _text(value: str | Path | None) -> str | None:
    return None if value is None else str(value)


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise click.UsageError(f"--api-key-env: the environment has no {variable}")
    return os.environ[variable]


def _prices(file: Path) -> dict[str, object]:
    import json

    try:
        prices = json.loads(file.read_text())
    except ValueError as fault:
        raise click.UsageError(f"--pricing: {file} is not JSON: {fault}") from None
    if not isinstance(prices, dict):
        raise click.UsageError(f"--pricing: {file} must hold an object")
    return prices
