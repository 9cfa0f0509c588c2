"""`penstock webhooks`, on the engine of this process."""

from __future__ import annotations

import json

import pytest

URL = "https://1.1.1.1/hook"


@pytest.fixture
def here(penstock, tmp_path, monkeypatch):
    """Run a command on a data folder of this test."""
    monkeypatch.delenv("PENSTOCK_URL", raising=False)
    return lambda *words: penstock("webhooks", *words, "--data", tmp_path / "data")


def test_an_endpoint_is_added_listed_rotated_and_removed(here):
    added = here("add", URL, "--event", "failed", "--event", "timeout", "--description", "pager")
    assert added.exit_code == 0, added.stderr
    secret = added.stdout.strip()
    assert secret.startswith("whsec_")
    (endpoint,) = json.loads(here("list", "--json").stdout)
    assert endpoint["events"] == ["execution.failed", "execution.timeout"]
    assert endpoint["description"] == "pager"
    shown = here("list").stdout
    assert URL in shown
    assert secret not in shown
    rotated = here("rotate", endpoint["id"]).stdout.strip()
    assert rotated.startswith("whsec_")
    assert rotated != secret
    assert here("rotate").stdout.strip() not in (secret, rotated)
    assert here("remove", endpoint["id"]).exit_code == 0
    assert json.loads(here("list", "--json").stdout) == []


def test_deliveries_and_replays(here):
    assert "No deliveries" in here("deliveries").stderr
    unknown = here("replay", "msg_0")
    assert unknown.exit_code == 1
    assert "msg_0" in unknown.stderr
    endpoint = json.loads(here("add", URL, "--json").stdout)
    since = here("replay", endpoint["id"], "--since", "2026-01-01")
    assert since.stdout.strip() == "0 deliveries are sent again"


def test_a_url_that_cannot_be_is_refused_with_the_reason(here):
    refused = here("add", "http://10.0.0.1/hook")
    assert refused.exit_code == 1
    assert "PENSTOCK_ALLOWED_NETWORKS" in refused.stderr
    assert here("add", URL, "--event", "started").exit_code == 2
