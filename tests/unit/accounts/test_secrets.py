"""Secrets: encrypted at rest, named, never shown."""

from __future__ import annotations

import base64
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.accounts.secrets import KEY_VARIABLE, SecretVault, load_master_key
from penstock.errors import Invalid, NotFound, StepError, Unavailable
from penstock.storage.sqlite import SqliteStore
from penstock.types import Tenant

TENANT = Tenant("org", "project")
KEY = bytes(range(32))


@pytest.fixture
def vault(store: SqliteStore) -> SecretVault:
    return SecretVault(store, KEY)


async def test_a_secret_is_read_back_by_its_name_and_replaced_by_the_next(vault: SecretVault) -> None:
    first = await vault.put(TENANT, "API_KEY", "sk-1")
    second = await vault.put(TENANT, "API_KEY", "sk-2")
    assert await vault.get(TENANT, "API_KEY") == "sk-2"
    assert (second.name, second.created_at) == ("API_KEY", first.created_at)


async def test_the_store_holds_no_readable_value(vault: SecretVault, store: SqliteStore, tmp_path: Path) -> None:
    await vault.put(TENANT, "API_KEY", "sk-very-secret")
    with sqlite3.connect(tmp_path / "penstock.db") as connection:
        (ciphertext,) = connection.execute("select ciphertext from secrets").fetchone()
    connection.close()
    assert "sk-very-secret" not in ciphertext
    assert "sk-very-secret" not in base64.urlsafe_b64decode(ciphertext).decode("latin-1")


async def test_another_project_sees_nothing_of_it(vault: SecretVault) -> None:
    await vault.put(TENANT, "API_KEY", "sk-1")
    other = Tenant("org", "other")
    assert await vault.list(other) == []
    with pytest.raises(StepError) as refused:
        await vault.get(other, "API_KEY")
    assert (refused.value.code, refused.value.retryable) == ("secret_unknown", False)
    with pytest.raises(NotFound):
        await vault.delete(other, "API_KEY")
    assert await vault.get(TENANT, "API_KEY") == "sk-1"


async def test_a_list_has_names_and_dates_only_in_order(vault: SecretVault) -> None:
    for name in ("b", "c", "a"):
        await vault.put(TENANT, name, f"value of {name}")
    listed = await vault.list(TENANT)
    assert [secret.name for secret in listed] == ["a", "b", "c"]
    assert "value" not in repr(listed)
    assert [secret.name for secret in await vault.list(TENANT, after_name="a", limit=1)] == ["b"]


async def test_a_deleted_secret_is_unknown(vault: SecretVault) -> None:
    await vault.put(TENANT, "API_KEY", "sk-1")
    await vault.delete(TENANT, "API_KEY")
    with pytest.raises(StepError, match="API_KEY"):
        await vault.get(TENANT, "API_KEY")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "x" * 121])
async def test_a_name_out_of_bounds_is_refused_without_the_value(vault: SecretVault, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        await vault.put(TENANT, name, "sk-1")
    assert refused.value.errors[0].path == "name"
    assert "sk-1" not in repr(refused.value)


@pytest.mark.parametrize("value", ["", "x" * 65537, "\ud800 sk-1"])
async def test_a_value_out_of_bounds_is_refused_without_the_value(vault: SecretVault, value: str) -> None:
    with pytest.raises(Invalid) as refused:
        await vault.put(TENANT, "API_KEY", value)
    assert refused.value.errors[0].path == "value"
    assert "sk-1" not in repr(refused.value)


async def test_under_another_key_the_error_says_which_secret_and_what_to_do(
    vault: SecretVault, store: SqliteStore
) -> None:
    await vault.put(TENANT, "API_KEY", "sk-1")
    with pytest.raises(StepError, match=f"'API_KEY'.*{KEY_VARIABLE}") as refused:
        await SecretVault(store, bytes(32)).get(TENANT, "API_KEY")
    assert refused.value.code == "secret_unreadable"


def test_the_same_text_is_encrypted_differently_each_time(store: SqliteStore) -> None:
    vault = SecretVault(store, KEY)
    assert vault.encrypt("sk-1") != vault.encrypt("sk-1")
    assert vault.decrypt(vault.encrypt("größer")) == "größer"
    assert "sk" not in repr(vault)


def test_a_key_file_is_made_once_and_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    key = load_master_key(tmp_path)
    assert len(key) == 32
    assert load_master_key(tmp_path) == key
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"]


def test_processes_that_start_together_end_with_one_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    source = (
        "import sys, pathlib; from penstock.accounts.secrets import load_master_key;"
        "sys.stdin.readline(); print(load_master_key(pathlib.Path(sys.argv[1])).hex())"
    )
    command = [sys.executable, "-c", source, str(tmp_path)]
    started = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    keys = {process.communicate("go\n")[0] for process in started}
    assert len(keys) == 1


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_the_environment_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encode: type[base64.b64encode]
) -> None:
    key = bytes([251, 255]) * 16
    monkeypatch.setenv(KEY_VARIABLE, encode(key).decode())
    assert load_master_key(tmp_path) == key
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["short", "!" * 44, base64.b64encode(bytes(31)).decode()])
def test_a_key_that_is_none_is_refused_without_showing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, text)
    with pytest.raises(Unavailable, match="openssl rand") as refused:
        load_master_key(tmp_path)
    assert text not in refused.value.detail


def test_a_folder_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(Unavailable, match=str(tmp_path / "missing")):
        load_master_key(tmp_path / "missing")
