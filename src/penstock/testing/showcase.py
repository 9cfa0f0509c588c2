"""A project with something to look at: real runs of a flow with a scripted model, in every state a run can be in.

For the tests, the measurements and the pictures of the web interface.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from penstock.testing.model_server import ModelServer
from penstock.testing.penstock_process import PenstockProcess

MODEL = "reviewer"
TRIAGE = """
name: review-triage
description: Reads a review, says what it is about, and drafts an answer to those who are unhappy.
input: {review: {type: string, required: true}}
nodes:
  read: {type: prompt, model: reviewer, prompt: "Which mood? {{ review }}", inputs: {review: input.review},
         params: {maxTokens: 20}, retry: {maxAttempts: 2, initialDelaySeconds: 0.05}}
  draft: {type: prompt, model: reviewer, prompt: "Answer: {{ review }} ({{ mood }})",
          inputs: {review: input.review, mood: read.out}, params: {maxTokens: 200}, retry: {maxAttempts: 1}}
  row: {type: transform, inputs: {mood: read.out, answer: draft.out},
        template: {mood: "{{ mood }}", answer: "{{ answer }}"}}
output: row.out
"""
REVIEWS = (
    "Two hours of rain and not a drop inside.",
    "The zip broke on the second day, and nobody answers the phone.",
    "Light, warm, and it packs down to nothing. Would buy again.",
    "Sleeves too short, otherwise fine.",
    "Arrived three weeks late, in the wrong colour.",
    "My third one. They last.",
)
HOSTILE = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>"
"""What a page must show letter by letter."""
RULES: list[dict[str, Any]] = [
    {"contains": "<img", "text": HOSTILE},
    {"contains": "late, in the wrong colour", "status": 400, "error": "the prompt was refused by the safety system"},
    {"contains": "Which mood", "text": "unhappy"},
    {"contains": "Answer", "text": "Thank you for telling us. We are sorry, and a new one is on its way to you today."},
]


class Showcase:
    """Starts runs on a server, and waits for them to be as a picture needs them."""

    def __init__(self, server: PenstockProcess, model: ModelServer) -> None:
        self.server = server
        self.model = model

    def prepare(self) -> None:
        """The model and the flow."""
        self.prepare_answers()
        pricing = {"inputPerMillionUsd": "3", "outputPerMillionUsd": "15"}
        where = {"provider": "openai", "baseUrl": f"{self.model.url}/v1", "apiKey": "k", "modelName": "m"}
        self.server.post("/models", {"name": MODEL, **where, "pricing": pricing}).raise_for_status()
        self.server.save_flow(TRIAGE)

    def prepare_answers(self) -> None:
        """What the model says, also after a test has had it say something else."""
        self.model.script(RULES)

    def begin(self, rows: int, *, first: int = 0, **options: Any) -> str:
        """Start a run on so many reviews; its id."""
        inputs = [{"review": f"{REVIEWS[n % len(REVIEWS)]} (#{n})"} for n in range(first, first + rows)]
        return self.begin_with(inputs, **options)

    def begin_with(self, inputs: list[dict[str, Any]], **options: Any) -> str:
        """The same with inputs of one's own."""
        answer = self.server.post("/flows/review-triage/executions", {"inputs": inputs, "mode": "async", **options})
        answer.raise_for_status()
        return str(answer.json()["executionId"])

    def finished(self, rows: int, **options: Any) -> str:
        """A run that is over; its id."""
        execution_id = self.begin(rows, **options)
        self.server.wait(execution_id)
        return execution_id

    def act(self, execution_id: str, action: str) -> None:
        """Pause, resume, cancel or retry it."""
        self.server.client.post(f"/executions/{execution_id}/{action}").raise_for_status()


def enlarge(data_dir: Path, execution_id: str, items: int) -> None:
    """Make a finished run of two items, of which the second failed, one of so many: as a run of that size leaves it.

    Every hundredth item has failed. Written past the server, as its rows would be, so that it takes no minutes.
    """
    with closing(sqlite3.connect(data_dir / "penstock.db", timeout=30)) as database, database:
        no = database.execute("select no from executions where id = ?", (execution_id,)).fetchone()[0]
        columns = [row[1] for row in database.execute("pragma table_info(items)")]
        values = {name: f"i.{name}" for name in columns} | {"path": "printf('%09d', n)", "seq": "null"}
        database.execute(
            f"""
            insert into items ({", ".join(columns)})
            with recursive numbers(n) as (select 2 union all select n + 1 from numbers where n + 1 < ?2)
            select {", ".join(values[name] for name in columns)} from numbers
            join items i on i.execution_no = ?1 and i.path = case when n % 100 = 1 then '000000001' else '000000000' end
            """,  # noqa: S608 - names of columns
            (no, items),
        )
        failed = database.execute(
            "select count(*) from items where execution_no = ? and status = 'failed'", (no,)
        ).fetchone()[0]
        database.execute(
            "update executions set total_items = ?2, summary = json_set(summary, '$.total', ?2,"
            " '$.counts.succeeded', ?2 - ?3, '$.counts.failed', ?3) where no = ?1",
            (no, items, failed),
        )
