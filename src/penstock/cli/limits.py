"""`penstock limits`."""

from __future__ import annotations

from typing import Any

import click

from penstock.cli.output import show_json
from penstock.cli.session import Session, session_command


@click.group()
def limits() -> None:
    """Show and change what a project may have."""


@limits.command()
@session_command()
async def show(session: Session) -> None:
    """Show the project's limits, and what holds where it has none."""
    _show(await session.client.limits.get(), as_json=session.as_json)


@limits.command("set")
@click.argument("changes", metavar="NAME=VALUE...", nargs=-1, required=True)
@session_command()
async def set_limits(session: Session, changes: tuple[str, ...]) -> None:
    """Change limits: weight=2 requestsPerMinute=600, and maxRunningExecutions=none for the server's own."""
    from penstock.client.objects import ProjectLimits

    current = (await session.client.limits.get()).to_dict()
    current.pop("effective")
    for change in changes:
        name, value = _parse(change)
        if name not in current:
            raise click.UsageError(f"there is no limit {name!r}; there are: {', '.join(current)}")
        current[name] = value
    if current["weight"] is None:
        del current["weight"]
    _show(await session.client.limits.set(ProjectLimits.parse(current)), as_json=session.as_json)


def _parse(change: str) -> tuple[str, float | int | None]:
    name, _, text = change.partition("=")
    if text == "none":
        return name, None
    try:
        return name, float(text) if name == "weight" else int(text)
    except ValueError:
        raise click.UsageError(f"{change!r} is not NAME=NUMBER or NAME=none") from None


def _show(limits: Any, *, as_json: bool) -> None:
    values = limits.to_dict()
    if as_json:
        show_json(values)
        return
    effective = values.pop("effective")
    for name, value in values.items():
        holds = effective.get(name)
        own = "-" if value is None else f"{value:g}"
        click.echo(f"{name:<22} {own:>12}" + (f"   (holds: {holds})" if value is None and holds is not None else ""))
