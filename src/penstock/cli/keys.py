"""`penstock keys`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from penstock.cli.arguments import NameType
from penstock.cli.output import note, show_json, show_records
from penstock.cli.session import Session, session_command


@click.group()
def keys() -> None:
    """Create, list and revoke API keys."""


@keys.command("list")
@session_command()
async def list_keys(session: Session) -> None:
    """List the keys, without their secret parts."""
    found = [key async for key in session.client.keys.list()]
    columns = {
        "name": "name",
        "id": "id",
        "begins": "prefix",
        "scopes": "scopes",
        "expires": "expires_at",
        "revoked": "revoked_at",
        "last used": "last_used_at",
    }
    show_records(found, columns, as_json=session.as_json, none="No keys yet: penstock keys create NAME --scope admin")


@keys.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help="What it may do, e.g. executions:run; may be repeated."
)
@click.option("--expires", type=click.DateTime(), help="The end of its life, UTC.")
@click.option("--requests-per-minute", type=click.IntRange(min=1), help="A limit of its own; else its project's.")
@session_command()
async def create(
    session: Session, name: str, scopes: tuple[str, ...], expires: datetime | None, requests_per_minute: int | None
) -> None:
    """Create a key and print it; it is shown this once."""
    made = await session.client.keys.create(
        name,
        scopes,
        expires_at=expires.replace(tzinfo=UTC) if expires else None,
        requests_per_minute=requests_per_minute,
    )
    if session.as_json:
        show_json(made.to_dict())
        return
    note(f"Key {made.name!r} ({made.id}); it is shown only now:")
    click.echo(made.key)


@keys.command()
@click.argument("key_id", type=NameType())
@session_command()
async def revoke(session: Session, key_id: str) -> None:
    """End a key, by its id."""
    await session.client.keys.revoke(key_id)
    if session.as_json:
        show_json({"id": key_id, "revoked": True})
    else:
        click.echo(f"{key_id} is revoked")
