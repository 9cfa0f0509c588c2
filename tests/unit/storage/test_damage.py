"""A store that is damaged is told apart from every other fault, with what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from penstock.cli.main import cli
from penstock.errors import Unavailable
from penstock.executions.model import ItemFilter
from penstock.storage.backup import back_up, restore
from penstock.storage.checks import examine
from penstock.testing.core import TENANT, open_core
from penstock.testing.engine import open_engine

PAGE = 8192


async def work(item: Any) -> str:
    return "done " * 50


def overwrite(path: Path, first: int, pages: int) -> None:
    with path.open("r+b") as file:
        file.seek(first * PAGE)
        file.write(b"\x55" * PAGE * pages)


def overwrite_pages_with(path: Path, text: bytes) -> None:
    content = path.read_bytes()
    found = [number for number in range(len(content) // PAGE) if text in content[number * PAGE : (number + 1) * PAGE]]
    assert found
    for number in found:
        overwrite(path, number, 1)


async def test_reads_of_a_damaged_store_fail_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with open_core(path) as core:
        execution = await core.run(list(range(2000)), work)
        back_up(path, tmp_path / "good.db")
    overwrite_pages_with(path, b"000001600")
    async with open_core(path) as core:
        with pytest.raises(Unavailable) as caught:
            await core.service.items(TENANT, execution.id, ItemFilter(), "1500", 500)
        assert caught.value.code == "store_damaged"
        assert "penstock restore" in caught.value.detail
    restore(tmp_path / "good.db", path, replace=True)
    async with open_core(path) as core:
        rows, _ = await core.service.items(TENANT, execution.id, ItemFilter(), "1500", 500)
        assert len(rows) == 499


@pytest.mark.parametrize("first", [0, 5])
async def test_doctor_and_the_start_say_so(tmp_path: Path, first: int) -> None:
    async with open_engine(tmp_path / "data"):
        pass
    path = tmp_path / "data" / "penstock.db"
    overwrite(path, first, 20)
    with pytest.raises(Unavailable) as caught:
        examine(path, thorough=False)
    assert caught.value.code == "store_damaged"


def test_doctor_names_the_fault_and_the_way_back(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert CliRunner().invoke(cli, ["keys", "list", "--data", str(data)]).exit_code == 0
    assert "yes" in CliRunner().invoke(cli, ["doctor", "--data", str(data)]).stdout.splitlines()[-1]
    overwrite(data / "penstock.db", 5, 20)
    told = CliRunner().invoke(cli, ["doctor", "--data", str(data)])
    assert told.exit_code == 1
    assert "penstock restore" in told.stdout
    overwrite(data / "penstock.db", 0, 1)
    started = CliRunner().invoke(cli, ["keys", "list", "--data", str(data)])
    assert started.exit_code == 1
    assert "penstock restore" in started.stderr
