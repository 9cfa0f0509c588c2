"""`penstock models`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from penstock.cli.arguments import NameType
from penstock.cli.output import plain, show_json, show_records
from penstock.cli.session import FAILED, Session, session_command
from penstock.client.errors import NotFoundError
from penstock.client.objects import ModelTest
from penstock.client.options import CatalogFilter, ModelOptions

_JSON_FILE: click.Path = click.Path(exists=True, dir_okay=False, path_type=Path)
_SORTS = ("key", "name", "company", "context_length", "parameters", "input_price")
_PUBLIC_COLUMNS = {
    "key": "key",
    "company": "company",
    "context": "context_length",
    "$/token in": "input_price_per_token",
    "$/token out": "output_price_per_token",
    "usable": "usable",
}


@click.group()
def models() -> None:
    """Look for models; save, test and choose them."""


@models.command("list")
@session_command()
async def list_models(session: Session) -> None:
    """List the saved models."""
    found = [model async for model in session.client.models.list()]
    columns = {"name": "name", "key": "key", "provider": "provider", "model": "model_name", "address": "base_url"}
    none = "No saved models; names like openai/gpt-4o-mini and local/smollm2 work without."
    show_records(found, columns, as_json=session.as_json, none=none)


@models.command()
@click.argument("words", nargs=-1)
@click.option("--company", "companies", multiple=True, metavar="C", help="Who made it; may be repeated.")
@click.option("--provider", "providers", multiple=True, metavar="P", help="Who serves it; may be repeated.")
@click.option("--size", "sizes", multiple=True, type=click.Choice(["small", "medium", "large"]), help="By parameters.")
@click.option("--usable", is_flag=True, help="Only what can be called here.")
@click.option("--deprecated", is_flag=True, help="Also what its provider withdraws.")
@click.option("--sort", type=click.Choice(_SORTS), default="key", show_default=True)
@click.option("--descending", is_flag=True, help="The largest first.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@session_command()
async def catalog(session: Session, /, words: tuple[str, ...], limit: int, **options: Any) -> None:
    """List the public models that have all WORDS in their key, name, company or description."""
    wanted = CatalogFilter(
        query=" ".join(words) or None,
        companies=options["companies"],
        providers=options["providers"],
        sizes=options["sizes"],
        usable=options["usable"] or None,
        include_deprecated=options["deprecated"],
        sort_by=options["sort"],
        order="desc" if options["descending"] else "asc",
    )
    found = [model async for model in session.client.models.catalog(wanted, limit=limit)]
    show_records(found, _PUBLIC_COLUMNS, as_json=session.as_json, none="No public model is like that.")


@models.command()
@click.argument("name", type=NameType())
@session_command()
async def show(session: Session, name: str) -> None:
    """Show all that is known of a saved or a public model, as JSON."""
    try:
        saved = await session.client.models.get(name)
    except NotFoundError:
        show_json((await session.client.models.public(name)).to_dict())
    else:
        show_json(saved.to_dict())


@models.command()
@click.argument("name")
@click.option("--provider", required=True, help="Whose wire it speaks: openai (and compatible), anthropic, gemini.")
@click.option("--model-name", required=True, help="Its name at the provider.")
@click.option("--base-url", help="Where it is, when not at the provider's own address.")
@click.option("--api-key-env", metavar="VARIABLE", help="The environment variable that holds its key.")
@click.option("--pricing", type=_JSON_FILE, help="A JSON file of prices.")
@click.option("--key", help="Another name, for programs: lowercase letters, digits, dots, dashes, slashes.")
@click.option("--description", help="For people.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="The limit on an answer of calls without one.")
@click.option("--extra-payload", type=_JSON_FILE, help="A JSON file of members of every request's body.")
@click.option("--probe", is_flag=True, help="Ask it for one token, and say how that went.")
@click.option("--require-probe", is_flag=True, help="Save it only if it answers.")
@session_command()
async def add(session: Session, /, name: str, provider: str, model_name: str, **options: Any) -> None:
    """Save a model under a name of your own.

    The key is read from a variable, since a command line can be seen by others. It is kept encrypted.
    """
    more = ModelOptions(
        key=options["key"],
        description=options["description"],
        max_tokens=options["max_tokens"],
        extra_payload=_object("--extra-payload", options["extra_payload"]),
        probe=options["probe"] or None,
        require_probe=options["require_probe"] or None,
    )
    saved = await session.client.models.create(
        name,
        provider,
        model_name,
        base_url=options["base_url"],
        api_key=_key(options["api_key_env"]),
        pricing=_object("--pricing", options["pricing"]),
        options=more,
    )
    if session.as_json:
        show_json(saved.to_dict())
        return
    for warning in saved.warnings:
        click.echo(f"warning: {plain(warning)}", err=True)
    if saved.probe is None:
        click.echo(f"{saved.name} is saved; try it: penstock models test {saved.name}{session.place.flags()}")
    else:
        click.echo(f"{saved.name} is saved")
        _show_test(saved.name, saved.probe)


@models.command()
@click.argument("name", type=NameType())
@session_command()
async def remove(session: Session, name: str) -> None:
    """Delete a saved model, with its key. Evaluations that name it can still be read."""
    await session.client.models.delete(name)


@models.command()
@click.argument("chosen", metavar="[MODEL]...", nargs=-1, type=NameType())
@session_command()
async def project(session: Session, chosen: tuple[str, ...]) -> None:
    """Show which models belong to the project, or choose exactly these, by id, name or key."""
    if chosen:
        found = await session.client.project.set_models(chosen)
    else:
        found = await session.client.project.models()
    columns = {"key": "key", "name": "name", "kind": "kind", "id": "id"}
    show_records(found.models, columns, as_json=session.as_json, none="No models belong to the project.")


@models.command()
@click.argument("name", type=NameType())
@session_command()
async def test(session: Session, name: str) -> int | None:
    """Make a one-token call: whether it answers, how fast, or why not."""
    outcome = await session.client.models.test(name)
    if session.as_json:
        show_json(outcome.to_dict())
    else:
        _show_test(name, outcome)
    return None if outcome.ok else FAILED


def _show_test(name: str, outcome: ModelTest) -> None:
    if outcome.ok:
        click.echo(f"{name} answers, in {outcome.latency_ms or 0:.0f} ms")
    else:
        reason = outcome.error.message if outcome.error else "no reason was given"
        click.echo(f"{name} does not answer: {plain(reason)}", err=True)


def _key(variable: str | None) -> str | None:
    if variable is None:
        return None
    if not os.environ.get(variable):
        raise click.UsageError(f"--api-key-env: the environment has no {variable}")
    return os.environ[variable]


def _object(flag: str, file: Path | None) -> dict[str, Any] | None:
    import json

    if file is None:
        return None
    try:
        value = json.loads(file.read_text())
    except ValueError as fault:
        raise click.UsageError(f"{flag}: {file} is not JSON: {fault}") from None
    if not isinstance(value, dict):
        raise click.UsageError(f"{flag}: {file} must hold an object")
    return value
