from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.cli.output import plain, show_json, show_table


def test_text_of_others_cannot_steer_the_terminal():
    assert plain("a\x1b[2Jb\x9b31m\r\nc") == "a[2Jb31m c"
    assert plain("x" * 500).endswith("…")
    assert plain({"a": [1, None]}) == '{"a":[1,null]}'
    assert plain(None) == ""
    assert plain(datetime(2026, 1, 2, tzinfo=UTC)).startswith("2026-01-0")


def test_json_on_a_terminal_cannot_steer_it_either(capsys: Any) -> None:
    value = {"a\x9b31m": "\x1b[2J \x7f \x85 \u202e ü\n"}
    show_json(value)
    shown = capsys.readouterr().out
    assert not set(shown) & set("\x1b\x9b\x7f\x85\u202e")
    assert "ü" in shown
    assert json.loads(shown) == value


def test_markup_in_a_table_is_text(capsys):
    show_table(["[red]head[/red]"], [["[link=http://x]y[/link] :smile:"]])
    out = capsys.readouterr().out
    assert "[link=http://x]y[/link] :smile:" in out


def test_a_table_that_a_narrow_terminal_would_tear_is_shown_row_by_row(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns, rows = ["id", "name", "started", "status"], [["0" * 24, "a", "2026-11-22 06:30:51", ""], ["1" * 24] * 4]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for width, as_table in (("100", True), ("50", False)):
        monkeypatch.setenv("COLUMNS", width)
        show_table(columns, rows, title="Those")
        shown = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
        assert all(len(line) <= int(width) for line in shown.splitlines())
        assert ("┃" in shown) == as_table
        assert "Those" in shown
    assert shown.splitlines()[2:6] == [f"id       {'0' * 24}", "name     a", "started  2026-11-22 06:30:51", ""]
