"""The published examples of sync, async and hybrid calls, as they are, with host and key changed."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
import requests

from .conftest import ADMIN_KEY, Api, Running, Site, fetching

INPUT = {"url": "https://example.com"}


@pytest.fixture
def host(server: Running) -> str:
    return server.url


@pytest.fixture
def flow_id(api: Api) -> str:
    return api.flow(
        {
            "input": {"url": {"type": "string", "required": True}},
            "nodes": {"length": {"type": "transform", "inputs": {"url": "input.url"}, "expression": "url|length"}},
            "output": {"length": "length.out"},
        }
    )


def test_sync_request(host: str, flow_id: str) -> None:
    api_key = ADMIN_KEY
    response = requests.post(
        f"{host}/flows/{flow_id}/execute",
        headers={"Authorization": f"Bearer {api_key}"},
        json={"url": "https://example.com"},
    )
    # Waits until flow completes
    assert response.status_code == 200
    results = response.json()
    assert results == {"length": 19}


def test_async_request_with_polling(host: str, flow_id: str) -> None:
    api_key = ADMIN_KEY
    response = requests.post(
        f"{host}/flows/{flow_id}/execute-async",
        headers={"Authorization": f"Bearer {api_key}"},
        json={"url": "https://example.com"},
    )
    execution_id = response.json()["executionId"]
    seen = []
    while True:
        status_response = requests.get(
            f"{host}/flows/executions/{execution_id}",
            headers={"Authorization": f"Bearer {api_key}"},
        )
        status = status_response.json()
        if status["status"] == "completed":
            assert status["results"] == {"length": 19}
            break
        assert status["status"] != "failed", status["error"]
        seen.append(f"Status: {status['status']} ({status['progress']}%)")
        time.sleep(0.05)


def test_hybrid(host: str, api: Api, site: Site) -> None:
    flow_id = api.flow(fetching(site, "gate"))
    gate = uuid.uuid4().hex
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    url = f"{host}/flows/{flow_id}/execute"
    async_url = f"{host}/flows/{flow_id}/execute-async"

    def execute_flow(data: Any, max_sync_time: float = 30) -> dict[str, Any]:
        """
        Try sync first, fall back to async if needed
        """
        try:
            response = requests.post(url, json=data, headers=headers, timeout=max_sync_time)
            return {"mode": "sync", "results": response.json()}
        except requests.exceptions.Timeout:
            response = requests.post(async_url, json=data, headers=headers)
            execution_id = response.json()["executionId"]
            return {"mode": "async", "executionId": execution_id, "message": "Processing in background"}

    slow = execute_flow({"name": gate}, max_sync_time=0.5)
    assert slow["mode"] == "async"
    site.open_gate(gate)
    assert api.ended(slow["executionId"])["results"] == {"value": gate}
    assert execute_flow({"name": gate}) == {"mode": "sync", "results": {"value": gate}}


def test_sync_errors(host: str, flow_id: str, api: Api, site: Site) -> None:
    headers = {"Authorization": f"Bearer {ADMIN_KEY}"}
    with pytest.raises(requests.exceptions.HTTPError) as invalid:
        requests.post(f"{host}/flows/{flow_id}/execute", json={}, headers=headers).raise_for_status()
    assert invalid.value.response.status_code == 400
    failing = api.flow(fetching(site, "number"))
    with pytest.raises(requests.exceptions.HTTPError) as failed:
        requests.post(f"{host}/flows/{failing}/execute", json={"name": "3"}, headers=headers).raise_for_status()
    assert failed.value.response.status_code == 500


def test_async_errors(api: Api, site: Site) -> None:
    failing = api.flow(fetching(site, "number"))
    status = api.ended(api.post(f"/flows/{failing}/execute-async", json={"name": "3"}).json()["executionId"])
    assert status["status"] == "failed"
    error = status["error"]
    assert (error["node"], error["itemIndex"], error["retryable"]) == ("fetch", 0, False)
    assert error["message"]
