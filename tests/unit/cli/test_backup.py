"""`penstock backup` and `penstock restore`, on real folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Penstock = Callable[..., Result]

FLOW = """
name: words
input: {text: {type: string, required: true}}
nodes:
  shout: {type: transform, expression: text|upper, inputs: {text: input.text}}
"""


@pytest.fixture
def folder(tmp_path: Path, penstock: Penstock) -> Path:
    """A data folder in which a flow has run once."""
    (tmp_path / "words.yaml").write_text(FLOW)
    ran = penstock("run", tmp_path / "words.yaml", "--input", "text=hello", "--data", tmp_path / "data")
    assert ran.exit_code == 0, ran.output
    return tmp_path / "data"


def test_a_backup_brings_the_same_executions_back(folder: Path, tmp_path: Path, penstock: Penstock) -> None:
    copied = penstock("backup", tmp_path / "copy.db", "--data", folder, "--include-key", "--json")
    assert copied.exit_code == 0, copied.output
    assert json.loads(copied.stdout)["executions"] == 1
    key = tmp_path / "copy.db.key"
    assert key.read_bytes() == (folder / "secret.key").read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600

    restored = penstock("restore", tmp_path / "copy.db", "--data", tmp_path / "new", "--json")
    assert restored.exit_code == 0, restored.output
    assert (tmp_path / "new" / "secret.key").read_bytes() == key.read_bytes()
    lists = [
        json.loads(penstock("executions", "list", "--data", at, "--json").stdout) for at in (folder, tmp_path / "new")
    ]
    assert lists[0] == lists[1]
    assert len(lists[0]) == 1


def test_without_its_key_it_says_what_to_keep_and_what_is_missing(
    folder: Path, tmp_path: Path, penstock: Penstock
) -> None:
    copied = penstock("backup", tmp_path / "copy.db", "--data", folder)
    assert str(folder / "secret.key") in copied.stderr
    assert not (tmp_path / "copy.db.key").exists()
    restored = penstock("restore", tmp_path / "copy.db", "--data", tmp_path / "new")
    assert "secret.key" in restored.stderr


def test_a_used_folder_is_refused_until_forced_and_then_kept_aside(
    folder: Path, tmp_path: Path, penstock: Penstock
) -> None:
    penstock("backup", tmp_path / "copy.db", "--data", folder, "--include-key")
    (tmp_path / "copy.db.key").write_bytes(b"A" * 43 + b"=")
    refused = penstock("restore", tmp_path / "copy.db", "--data", folder)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    old_key = (folder / "secret.key").read_bytes()
    forced = penstock("restore", tmp_path / "copy.db", "--data", folder, "--force")
    assert forced.exit_code == 0, forced.output
    assert len(list(folder.glob("penstock.db.2*"))) == 1
    (kept,) = folder.glob("secret.key.2*")
    assert kept.read_bytes() == old_key


def test_a_folder_without_a_store_cannot_be_backed_up(tmp_path: Path, penstock: Penstock) -> None:
    refused = penstock("backup", tmp_path / "copy.db", "--data", tmp_path)
    assert refused.exit_code == 1
    assert "There is no file" in refused.stderr
    assert not (tmp_path / "copy.db").exists()
