"""`penstock flows`."""

from __future__ import annotations

import click

from penstock.cli.arguments import FlowFile, FlowFileType, NameType
from penstock.cli.output import note, plain, show_json, show_records
from penstock.cli.push import push_flow
from penstock.cli.session import FAILED, Session, session_command

_file = click.argument("file", type=FlowFileType())


@click.group()
def flows() -> None:
    """Keep flows: list, show, push, deploy, validate."""


@flows.command("list")
@session_command()
async def list_flows(session: Session) -> None:
    """List the flows."""
    found = [flow async for flow in session.client.flows.list()]
    columns = {
        "name": "name",
        "version": "version",
        "deployed": "deployed_version",
        "id": "id",
        "changed": "updated_at",
    }
    show_records(found, columns, as_json=session.as_json, none="No flows yet: penstock flows push FLOW.yaml")


@flows.command()
@click.argument("flow", type=NameType())
@session_command()
async def show(session: Session, flow: str) -> None:
    """Show one flow with its document, by id or name."""
    found = await session.client.flows.get(flow)
    if session.as_json or found.source is None:
        show_json(found.to_dict())
        return
    note(f"# {found.name} {found.id}, version {found.version}, deployed {found.deployed_version}")
    click.echo(found.source.rstrip())


@flows.command()
@_file
@click.option("--no-deploy", is_flag=True, help="Save it, but let calls run the version they ran before.")
@session_command()
async def push(session: Session, file: FlowFile, no_deploy: bool) -> None:
    """Save a flow file: a new flow, or a new version where it has changed."""
    pushed = await push_flow(session.client, file.text, deploy=not no_deploy)
    if session.as_json:
        show_json({**pushed.flow.to_dict(), "change": pushed.change})
    else:
        click.echo(f"{pushed.flow.name} ({pushed.flow.id}): version {pushed.flow.version}, {pushed.change}")


@flows.command()
@click.argument("flow", type=NameType())
@click.argument("version", type=click.IntRange(min=1))
@session_command()
async def deploy(session: Session, flow: str, version: int) -> None:
    """Make a version the one that calls run."""
    deployed = await session.client.flows.deploy(flow, version)
    if session.as_json:
        show_json(deployed.to_dict())
    else:
        click.echo(f"{deployed.name}: version {version} is deployed")


@flows.command()
@_file
@session_command()
async def validate(session: Session, file: FlowFile) -> int | None:
    """Check a flow file without saving it."""
    checked = await session.client.flows.validate(file.text)
    if session.as_json:
        show_json(checked.to_dict())
        return None if checked.valid else FAILED
    for fault in checked.errors:
        places = [
            str(file.path),
            *([str(fault.line)] if fault.line else []),
            *([f" {fault.path}"] if fault.path else []),
        ]
        note(f"{':'.join(places)}: {plain(fault.message)}")
    if not checked.valid:
        return FAILED
    click.echo(f"{file.path}: fine")
    return None
