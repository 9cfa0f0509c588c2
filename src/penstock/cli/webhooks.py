"""`penstock webhooks`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from penstock.cli.arguments import NameType
from penstock.cli.output import note, show_json, show_records
from penstock.cli.session import Session, session_command

_ENDS = ("completed", "failed", "cancelled", "timeout", "paused")
_EVENTS = (*_ENDS, "trace_evaluation.threshold", "compute_units.low")


@click.group()
def webhooks() -> None:
    """Tell other systems what becomes of runs."""


@webhooks.command("list")
@session_command()
async def list_endpoints(session: Session) -> None:
    """List the endpoints, without their secrets."""
    found = [endpoint async for endpoint in session.client.webhooks.endpoints()]
    columns = {
        "id": "id",
        "url": "url",
        "events": "events",
        "enabled": "enabled",
        "why not": "disabled_reason",
        "description": "description",
    }
    show_records(found, columns, as_json=session.as_json, none="No endpoints yet: penstock webhooks add URL")


@webhooks.command()
@click.argument("target", metavar="URL", type=NameType())
@click.option("--event", "events", multiple=True, type=click.Choice(_EVENTS), help="Only this one; may be repeated.")
@click.option("--description", default="", help="What it is for, for people.")
@session_command()
async def add(session: Session, target: str, events: tuple[str, ...], description: str) -> None:
    """Add an endpoint and print the secret that verifies its messages."""
    types: list[Any] = [f"execution.{event}" if event in _ENDS else event for event in events]
    made = await session.client.webhooks.create_endpoint(target, events=types or None, description=description)
    if session.as_json:
        show_json(made.to_dict())
        return
    note(f"Endpoint {made.id} is told of {', '.join(made.events)}. Its secret:")
    click.echo(made.secret)


@webhooks.command()
@click.argument("endpoint_id", type=NameType())
@session_command()
async def remove(session: Session, endpoint_id: str) -> None:
    """Delete an endpoint, by its id."""
    await session.client.webhooks.delete_endpoint(endpoint_id)
    if session.as_json:
        show_json({"id": endpoint_id, "deleted": True})
    else:
        click.echo(f"{endpoint_id} is deleted")


@webhooks.command()
@click.argument("endpoint_id", type=NameType(), required=False)
@session_command()
async def rotate(session: Session, endpoint_id: str | None) -> None:
    """Make a new secret for an endpoint, or without one for the project, and print it."""
    made = await session.client.webhooks.rotate_secret(endpoint_id)
    if session.as_json:
        show_json(made.to_dict())
        return
    note("For 24 hours messages are signed with the secret before as well. The new one:")
    click.echo(made.secret)


@webhooks.command()
@click.option("--endpoint", help="Only to this endpoint.")
@click.option("--execution", help="Only about this execution.")
@click.option("--status", type=click.Choice(["pending", "delivered", "failed"]), help="Only in this state.")
@click.option("--limit", type=click.IntRange(min=1), default=50, show_default=True)
@session_command()
async def deliveries(session: Session, endpoint: str | None, execution: str | None, status: Any, limit: int) -> None:
    """List deliveries, newest first; with --json also their URLs and next attempts."""
    listed = session.client.webhooks.deliveries(
        endpoint_id=endpoint, execution_id=execution, status=status, limit=limit
    )
    columns = {
        "id": "id",
        "execution": "execution_id",
        "event": "event",
        "status": "status",
        "attempts": "attempt_count",
        "why not": "last_error",
    }
    found = [delivery async for delivery in listed]
    show_records(found, columns, as_json=session.as_json, none="No deliveries.")


@webhooks.command()
@click.argument("which", type=NameType())
@click.option("--since", type=click.DateTime(), help="For an endpoint: what failed since then, UTC.")
@session_command()
async def replay(session: Session, which: str, since: datetime | None) -> None:
    """Send a delivery again by its id; or with --since all that an endpoint missed."""
    if since is None:
        delivery = await session.client.webhooks.replay(which)
        if session.as_json:
            show_json(delivery.to_dict())
        else:
            click.echo(f"{delivery.id} is sent again")
        return
    count = await session.client.webhooks.replay_failed(which, since.replace(tzinfo=UTC))
    if session.as_json:
        show_json({"replayed": count})
    else:
        click.echo(f"{count} deliveries are sent again")
