"""`penstock usage`, on a data folder of its own."""

from __future__ import annotations

import csv
import json

import pytest

FLOW = """
name: ask
input: {n: {type: integer, required: true}}
nodes:
  ask: {type: prompt, model: scripted/echo, prompt: "{{ n }}", inputs: {n: input.n}}
output: {said: ask.out}
"""


@pytest.fixture
def here(penstock, tmp_path, monkeypatch):
    """Run a command on a data folder of this test."""
    for name in ("PENSTOCK_URL", "PENSTOCK_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: penstock(*words, "--data", tmp_path / "data")


def test_what_was_used_as_a_table_as_json_and_as_csv(here, tmp_path):
    nothing = here("usage")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "Nothing ended" in nothing.stderr
    file = tmp_path / "ask.yaml"
    file.write_text(FLOW)
    assert here("run", file, "--input", "n=1").exit_code == 0
    table = here("usage", "--by", "model", "--since", "7d").stdout
    assert "scripted/echo" in table
    assert "total" in table
    report = json.loads(here("usage", "--json").stdout)
    assert (report["total"]["executions"], report["total"]["ecu"]) == (1, "0.01")
    lines = list(csv.DictReader(here("usage", "--by", "kind", "--by", "model", "--format", "csv").stdout.splitlines()))
    assert [(line["kind"], line["model"], line["modelCalls"], line["ecu"]) for line in lines] == [
        ("flow", "scripted/echo", "1", "0.01")
    ]


@pytest.mark.parametrize("since", ["yesterday", "7x", "2026-13-01", "99999999999d"])
def test_a_since_that_is_none_is_wrong_usage(here, since):
    assert here("usage", "--since", since).exit_code == 2


def test_units_are_granted_held_and_counted_and_rates_can_change(here, tmp_path):
    assert "Nothing is limited" in here("units", "balance").stderr
    assert here("units", "grant", "2", "--note", "March", "--idempotency-key", "march").exit_code == 0
    assert here("units", "grant", "2", "--note", "March", "--idempotency-key", "march").exit_code == 0
    assert here("units", "grant", "--correct", "-0.5").exit_code == 0
    assert here("units", "rates", "--inference", "0.25").exit_code == 0
    file = tmp_path / "ask.yaml"
    file.write_text(FLOW)
    assert here("run", file, "--input", "n=1").exit_code == 0
    left = json.loads(here("units", "balance", "--json").stdout)
    assert (left["limited"], left["balance"], left["reserved"]) == (True, "1.25", "0.00")
    assert [rate in here("units", "rates").stdout for rate in ("Version 1", "0.25")] == [True, True]
    assert "Version 0" in here("units", "rates", "--version", "0").stdout
    entries = json.loads(here("units", "ledger", "--json").stdout)
    assert [entry["kind"] for entry in entries] == ["settlement", "reservation", "adjustment", "grant"]
    assert here("units", "grant", "lots").exit_code == 1
    assert "1.25" in here("units", "limit", "on").stdout
    assert here("units", "limit", "off").exit_code == 0
