"""`penstock members`."""

from __future__ import annotations

import click

from penstock.cli.arguments import NameType
from penstock.cli.output import show_json, show_records
from penstock.cli.session import Session, session_command


@click.group()
def members() -> None:
    """Let people sign in with an e-mail address and a password."""


@members.command("list")
@session_command()
async def list_members(session: Session) -> None:
    """List who may sign in."""
    found = [member async for member in session.client.members.list()]
    columns = {"email": "email", "name": "name", "id": "id", "scopes": "scopes", "since": "created_at"}
    show_records(found, columns, as_json=session.as_json, none="No members yet: penstock members add EMAIL")


@members.command()
@click.argument("email", type=NameType())
@click.option("--name", default="", help="Their name, for people.")
@click.option(
    "--scope", "scopes", multiple=True, default=("admin",), show_default=True, help="What they may do; repeatable."
)
@click.password_option(help="At least 12 characters; asked for when left out.")
@session_command()
async def add(session: Session, email: str, name: str, scopes: tuple[str, ...], password: str) -> None:
    """Let somebody sign in."""
    made = await session.client.members.add(email, password, name=name, scopes=scopes)
    if session.as_json:
        show_json(made.to_dict())
    else:
        click.echo(f"{made.email} may sign in")


@members.command()
@click.argument("member", type=NameType())
@session_command()
async def remove(session: Session, member: str) -> None:
    """End somebody's sign-ins, by address or id."""
    await session.client.members.remove(member)
    if session.as_json:
        show_json({"member": member, "removed": True})
    else:
        click.echo(f"{member} may sign in no more")
