"""The shape of the command line: help, start-up, wrong usage."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from penstock.cli.main import ENTRIES, cli

HEAVY = ("httpx2", "msgspec", "rich", "yaml", "pydantic", "fastapi", "asyncio", "penstock.client", "penstock.server")


@pytest.mark.parametrize("name", ENTRIES)
def test_each_command_is_there_and_its_help_line_is_its_own(name):
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == ENTRIES[name].help


def test_help_imports_nothing_heavy():
    code = (
        "import sys\nfrom penstock.cli.main import cli\n"
        "try: cli(['--help'], standalone_mode=False)\nexcept SystemExit: pass\n"
        f"print('LOADED', *(name for name in {HEAVY!r} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == "LOADED"
    assert "executions" in done.stdout


def test_the_entry_point_ends_with_the_exit_code():
    done = subprocess.run(
        [sys.executable, "-c", "from penstock.cli.main import main; main()", "flows", "nonsense"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "No such command 'nonsense'" in done.stderr


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["run", "missing.yaml"], "there is no file"),
        (["run", "echo", "--input", "novalue"], "NAME=VALUE"),
        (["run", "echo", "--input", "a=1", "--dataset", "rows"], "give one of"),
        (["run", "echo", "--dataset", "missing.csv"], "there is no file"),
        (["run", "echo", "--async", "--wait", "3"], "--async ends at once"),
        (["run", "echo", "-o", "out.xls"], "must end in one of"),
        (["flows", "list", "--data", "here", "--url", "http://there"], "give either --url"),
        (["executions", "results", "exec_1", "-o", "out.xls"], "must end in one of"),
        (["keys", "create", "ci"], "Missing option '--scope'"),
        (["executions", "watch", ""], "it is empty"),
        (["models", "add", "m", "--provider", "openai", "--model-name", "x", "--api-key-env", "NOT_SET"], "NOT_SET"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_hint(penstock, api, words, hint):
    done = penstock(*words)
    assert done.exit_code == 2
    assert hint in done.stderr
    assert done.stdout == ""


def test_async_needs_a_server(penstock, tmp_path):
    done = penstock("run", "echo", "--async", "--data", tmp_path)
    assert done.exit_code == 2
    assert "PENSTOCK_URL" in done.stderr


def test_a_setting_that_is_no_number_is_named(penstock, tmp_path, monkeypatch):
    monkeypatch.setenv("PENSTOCK_MAX_BODY_BYTES", "much")
    done = penstock("flows", "list", "--data", tmp_path)
    assert done.exit_code == 2
    assert "PENSTOCK_MAX_BODY_BYTES must be a number" in done.stderr


def test_output_that_nobody_reads_on_is_no_error(api):
    api.things["flows"] |= {f"g{n}": {"id": f"g{n}", "name": "x" * 1000, "version": 1} for n in range(200)}
    main = f"{sys.executable} -c 'from penstock.cli.main import main; main()'"
    done = subprocess.run(f"{main} flows list --json | head -1", shell=True, capture_output=True, text=True, check=True)
    assert done.stdout == "[\n"
    assert done.stderr == ""
