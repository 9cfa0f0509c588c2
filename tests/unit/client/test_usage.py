"""Compute units through the SDK, against the real application inside this process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2
import msgspec
import pytest

from penstock import APIStatusError, AsyncPenstock

ASK = {
    "name": "ask",
    "input": {"n": {"type": "integer", "required": True}},
    "nodes": {"ask": {"type": "prompt", "model": "scripted/echo", "prompt": "{{ n }}", "inputs": {"n": "input.n"}}},
    "output": {"said": "ask.out"},
}


async def test_from_the_first_run_to_the_last_unit(tmp_path):
    from penstock.server.app import create_app, embedded_key
    from penstock.settings import Settings

    app = create_app(Settings(data_dir=tmp_path / "data"))
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with AsyncPenstock("http://here", embedded_key(app), transport=transport, max_retries=0) as client:
            await client.flows.create(ASK)
            assert (await client.usage.balance()).limited is False
            await client.flows.execute("ask", {"n": 1})
            dearer = msgspec.structs.replace(await client.usage.rates(), inference="0.75")
            assert (await client.usage.set_rates(dearer)).version == 1
            assert (await client.usage.rates(0)).inference == "0.01"
            given = [await client.usage.grant("1", note="a start", idempotency_key="g") for _ in range(2)]
            assert given[0] == given[1]
            for _ in range(2):
                await client.flows.execute("ask", {"n": 1})
            with pytest.raises(APIStatusError, match="insufficient credits") as refused:
                await client.flows.execute("ask", {"n": 1})
            assert refused.value.status == 402
            assert (await client.usage.balance()).available == "-0.50"
            kinds = [entry.kind async for entry in client.usage.entries(limit=3)]
            assert kinds == ["warning", "warning", "settlement"]
            assert (await client.usage.limit(limited=False)).available is None
            report = await client.usage.report("kind", "model", since=datetime.now(UTC).date() - timedelta(days=1))
            assert [(row.kind, row.model, row.executions, row.ecu) for row in report.data] == [
                ("flow", "scripted/echo", 3, "1.51")
            ]
            assert (report.total.executions, report.total.model_calls) == (3, 3)
