"""What a flow redacts is not told to others either."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from penstock.accounts.redaction import ProjectRedaction
from penstock.executions.model import Execution
from penstock.redaction import Redaction
from penstock.testing.engine import open_engine
from penstock.webhooks.payloads import payload_of

FLOW: dict[str, Any] = {
    "name": "letter",
    "input": {"email": {"type": "string", "required": True}},
    "settings": {"redact": {"fields": ["email"]}},
    "nodes": {
        "write": {
            "type": "transform",
            "template": {"email": "{{ email }}", "text": "Dear {{ email }}"},
            "inputs": {"email": "input.email"},
        }
    },
}


def outbox_row(execution: Execution, error: Any = None) -> dict[str, Any]:
    return {
        "organization_id": execution.tenant.organization_id,
        "project_id": execution.tenant.project_id,
        "execution_id": execution.id,
        "status": execution.status.value,
        "seq": execution.seq,
        "at": 0,
        "body": json.dumps({"error": error}),
    }


async def test_results_and_errors_are_told_without_what_is_redacted(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "data") as te:
        execution = await te.run(FLOW, [{"email": "jo@example.org"}])
        told = json.loads(await payload_of(te.engine.executions, outbox_row(execution)))["data"]
        assert told["results"][0] == {"email": "[redacted]", "text": "Dear jo@example.org"}
        await ProjectRedaction(te.engine.store).change(te.tenant, Redaction(patterns=(r"\S+@\S+",)))
        row = outbox_row(execution, {"code": "x", "message": "no mail for jo@example.org"})
        told = json.loads(await payload_of(te.engine.executions, row))["data"]
        assert told["results"][0]["text"] == "Dear [redacted]"
        assert told["error"] == {"code": "x", "message": "no mail for [redacted]"}
