"""How long a project keeps executions, over HTTP."""

from __future__ import annotations

from typing import Any


def test_a_project_says_how_long_it_keeps(api: Any) -> None:
    assert api.get("/retention").json() == {"days": None, "byKind": {}, "default": 0}
    changed = api.put("/retention", json={"days": 90, "byKind": {"flow": 30}})
    assert changed.status_code == 200, changed.text
    assert api.get("/retention").json() == {"days": 90, "byKind": {"flow": 30}, "default": 0}
    api.put("/retention", json={})
    assert api.get("/retention").json()["days"] is None
