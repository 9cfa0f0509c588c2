"""`penstock mcp`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from penstock.cli.connect import Place
from penstock.cli.output import note
from penstock.cli.session import Session, session_command


def _check(place: Place, options: Mapping[str, Any]) -> None:
    try:
        import mcp.server  # noqa: F401 - only whether it is there
    except ModuleNotFoundError as fault:
        if (fault.name or "").partition(".")[0] != "mcp":
            raise
        raise click.UsageError(
            "this needs the package `mcp`, which comes with the extra: pip install 'penstock[mcp]'"
        ) from None
    if options["port"] is not None and not os.environ.get("PENSTOCK_API_KEY"):
        raise click.UsageError("--http needs a key in PENSTOCK_API_KEY: whoever calls has to send the same one")


@click.command()
@click.option("--http", "port", type=click.IntRange(0, 65535), help="Listen on this port of this machine instead.")
@click.option("--read-only", is_flag=True, help="Leave out the tools that start, make or stop something.")
@session_command(worker=True, check=_check)
async def mcp(session: Session, port: int | None, read_only: bool) -> None:
    """Let an assistant read traces, run flows and evaluations, and make judges.

    Speaks the Model Context Protocol over standard input and output; docs/mcp.md says how clients are set up.
    """
    from penstock.mcp.server import build_server, serve_http, serve_stdio

    server = build_server(session.client, read_only=read_only)
    if port is None:
        await serve_stdio(server)
        return
    key = os.environ["PENSTOCK_API_KEY"]
    await serve_http(server, port, key, lambda address: note(f"It listens on {address}"))
