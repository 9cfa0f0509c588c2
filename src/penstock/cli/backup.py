"""`penstock backup` and `penstock restore`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from penstock.cli.connect import settings_at
from penstock.cli.output import note, show_error, show_json
from penstock.cli.session import FAILED

if TYPE_CHECKING:
    from penstock.storage.checks import Health

_FILE = click.Path(dir_okay=False, path_type=Path)
_data = click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="The data folder.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.argument("file", type=_FILE)
@_data
@click.option("--include-key", is_flag=True, help="Also copy the key of secrets, to FILE.key.")
@click.option("--compact", is_flag=True, help="Leave out unused space; slower.")
@click.option("--force", is_flag=True, help="Replace FILE.")
@_json
def backup(file: Path, data: Path | None, include_key: bool, compact: bool, force: bool, as_json: bool) -> None:
    """Copy the store to a file, also while it is in use.

    The copy is checked. Secrets in it are encrypted: without their key (PENSTOCK_SECRET_KEY, or secret.key in the data
    folder) they cannot be read again.
    """
    from penstock.accounts.secrets import KEY_FILE, KEY_VARIABLE
    from penstock.errors import Problem
    from penstock.storage.backup import KEY_SUFFIX, back_up, copy_private

    settings = settings_at(data)
    key = settings.data_dir / KEY_FILE
    kept = file.with_name(file.name + KEY_SUFFIX) if include_key and key.is_file() else None
    try:
        copy = back_up(settings.database_path, file, replace=force, compact=compact)
        if kept is not None:
            copy_private(key, kept)
    except Problem as fault:
        show_error(fault, as_json=as_json)
        click.get_current_context().exit(FAILED)
    if as_json:
        show_json({"file": str(file), "bytes": copy.size_bytes, "key": kept and str(kept), **_facts(copy.health)})
        return
    click.echo(f"{file}: {copy.size_bytes:,} bytes, {_held(copy.health)}; checked.")
    if kept is not None:
        note(f"The key of its secrets is in {kept}: keep it apart, whoever has both can read them.")
    elif os.environ.get(KEY_VARIABLE):
        note(f"Keep the value of {KEY_VARIABLE} too: its secrets cannot be read without it.")
    elif key.is_file():
        note(f"Keep {key} too (or use --include-key): its secrets cannot be read without it.")


@click.command()
@click.argument("file", type=_FILE)
@_data
@click.option("--key", type=_FILE, help="The key of secrets; FILE.key when that is there.")
@click.option("--force", is_flag=True, help="Move a store that is there aside.")
@_json
def restore(file: Path, data: Path | None, key: Path | None, force: bool, as_json: bool) -> None:
    """Bring a backup back into a data folder.

    The backup is checked first, and the next start goes on with what was unfinished. Nothing is deleted: with --force
    the files that are there get other names.
    """
    from penstock.accounts.secrets import KEY_FILE
    from penstock.errors import Problem
    from penstock.ownership import FolderLock
    from penstock.storage.backup import KEY_SUFFIX
    from penstock.storage.backup import restore as bring_back

    settings = settings_at(data)
    beside = file.with_name(file.name + KEY_SUFFIX)
    source = key or (beside if beside.is_file() else None)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FolderLock.take(settings.data_dir, None)
        try:
            _check_key(source, settings.data_dir / KEY_FILE, force=force)
            health = bring_back(file, settings.database_path, replace=force)
            _put_key(source, settings.data_dir / KEY_FILE)
        finally:
            lock.release()
    except (Problem, OSError) as fault:
        show_error(fault, as_json=as_json)
        click.get_current_context().exit(FAILED)
    if as_json:
        show_json({"dataFolder": str(settings.data_dir), **_facts(health)})
        return
    click.echo(f"{settings.data_dir}: {_held(health)}.")
    if not (settings.data_dir / KEY_FILE).is_file():
        note(f"Put the key of its secrets into {settings.data_dir / KEY_FILE} or PENSTOCK_SECRET_KEY before you start.")


def _check_key(source: Path | None, target: Path, *, force: bool) -> None:
    """Raises `Conflict` when another key is there already, OSError when the given one cannot be read."""
    from penstock.errors import Conflict

    if source is None:
        return
    if target.is_file() and target.read_bytes().strip() != source.read_bytes().strip() and not force:
        raise Conflict("key_exists", f"{target} is another key than {source}. Move it aside with --force.")


def _put_key(source: Path | None, target: Path) -> None:
    from penstock.storage.backup import aside, copy_private

    if source is None:
        return
    if target.is_file() and target.read_bytes().strip() != source.read_bytes().strip():
        target.rename(aside(target))
    copy_private(source, target)


def _facts(health: Health) -> dict[str, int]:
    return {"schema": health.version, "executions": health.executions, "unfinished": health.unfinished}


def _held(health: Health) -> str:
    return f"{health.executions:,} executions, {health.unfinished:,} of them not over"
