"""Work that nothing is left to pay for is refused in the words that those clients look for."""

from __future__ import annotations

import json
from typing import Any

import httpx2

from . import shapes
from .calls import data, unwrapped


async def test_new_work_is_refused_at_zero_and_reading_goes_on(near: httpx2.AsyncClient, project: str) -> None:
    async def post(path: str, body: Any) -> httpx2.Response:
        return await near.post(f"{project}{path}", json=body)

    announced = await post("/traces/upload", {"filename": "a.json", "type": "application/json", "size": 2})
    await near.put(unwrapped(announced.json())["url"], content=json.dumps({"input": "Hello?", "output": "Good day."}))
    (trace,) = unwrapped((await post("/traces", {"filename": "a.json"})).json())["trace_ids"]
    made = await post("/judges", {"name": "polite", "evaluation_goal": "Is it polite?"})
    work = {"trace_id": trace, "judge_id": data(made.json())["id"]}
    own = {"limited": True}
    (await near.put("http://x/compute-units", json=own)).raise_for_status()

    refused = await post("/trace-evaluations", work)
    error = shapes.Refused.model_validate(refused.json()["error"])
    assert (refused.status_code, error.code) == (402, "ecu_exhausted")
    assert "insufficient credits" in error.message
    estimate = {"trace_ids": [trace], "judge_id": work["judge_id"]}
    assert (await post("/trace-evaluations/estimate", estimate)).status_code == 200
    assert unwrapped((await near.get(f"{project}/trace-evaluations")).json())["total"] == 0
    assert (await near.get(f"{project}/traces/{trace}")).status_code == 200

    (await near.post("http://x/compute-units/grants", json={"amount": "100"})).raise_for_status()
    assert (await post("/trace-evaluations", work)).status_code == 200
