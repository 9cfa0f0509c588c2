"""Spans whose request was answered are there after kill -9, and those that are sent again are there once."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from penstock.testing.penstock_process import API_KEY, PenstockProcess

SENDERS, SPANS, BEFORE_THE_KILL = 4, 20, 30


def body(number: int) -> dict[str, object]:
    spans = [
        {
            "traceId": f"{number + 1:032x}",
            "spanId": f"{n + 1:016x}",
            "name": f"span {n}",
            "startTimeUnixNano": str(1_790_000_000_000_000_000 + n),
        }
        for n in range(SPANS)
    ]
    return {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}


def stored(folder: Path) -> dict[str, tuple[int, int]]:
    """By trace: the spans that are there, and how many its row says."""
    with sqlite3.connect(folder / "penstock.db") as connection:
        rows = connection.execute(
            "select t.trace_id, count(s.no), t.span_count from traces t join spans s on s.trace_no = t.no group by t.no"
        ).fetchall()
    connection.close()
    return {trace_id: (there, said) for trace_id, there, said in rows}


def test_nothing_that_was_acknowledged_is_lost_and_nothing_counts_twice(tmp_path: Path) -> None:
    acknowledged: set[int] = set()
    enough = threading.Event()

    def send_until_it_dies(url: str, sender: int) -> None:
        with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {API_KEY}"}, timeout=60) as client:
            for number in range(sender, 10_000, SENDERS):
                try:
                    answer = client.post("/v1/traces", json=body(number))
                except httpx2.TransportError:
                    return
                assert answer.status_code == 200, answer.text
                acknowledged.add(number)
                if len(acknowledged) >= BEFORE_THE_KILL:
                    enough.set()

    with PenstockProcess(tmp_path / "data") as penstock:
        with ThreadPoolExecutor(SENDERS) as pool:
            senders = [pool.submit(send_until_it_dies, penstock.url, n) for n in range(SENDERS)]
            assert enough.wait(60)
            penstock.kill()
        for sender in senders:
            sender.result()
        after = stored(penstock.data_dir)
        assert {f"{number + 1:032x}" for number in acknowledged} <= set(after)
        assert set(after.values()) == {(SPANS, SPANS)}, "a trace is there whole, or not at all"

        penstock.start()
        for number in sorted(acknowledged)[:10]:
            assert penstock.post("/v1/traces", body(number)).json() == {}
        assert stored(penstock.data_dir) == after


LINES, BAD_EACH = 3_000, 500
"""A piece has 256 lines, so this is a dozen of them."""


def ids_of(folder: Path) -> dict[str, str]:
    """The traces' own ids by their senders'."""
    with sqlite3.connect(folder / "penstock.db") as connection:
        rows = connection.execute("select trace_id, id from traces").fetchall()
    connection.close()
    return dict(rows)


def test_a_batch_that_was_killed_goes_on_and_nothing_of_it_comes_twice(tmp_path: Path) -> None:
    lines = [
        "{broken" if n % BAD_EACH == 0 else f'{{"trace_id": "t{n}", "input": "line {n}", "model": "m"}}'
        for n in range(1, LINES + 1)
    ]
    good = [n for n in range(1, LINES + 1) if n % BAD_EACH]
    with PenstockProcess(tmp_path / "data") as penstock:
        headers = {"content-type": "application/x-ndjson"}
        sent = penstock.client.post("/traces/batches", content="\n".join(lines), headers=headers)
        execution = sent.json()["executionId"]
        progress = {"counts": {"succeeded": 0}}
        while not progress["counts"]["succeeded"]:
            progress = penstock.client.get(f"/executions/{execution}").json()
        penstock.kill()
        before = ids_of(penstock.data_dir)
        assert 0 < len(before) < len(good), "it was killed in the middle"

        penstock.start()
        over = penstock.wait(execution)
        assert (over["status"], over["counts"]["failed"]) == ("completed", 0)
        pieces = penstock.client.get(f"/executions/{execution}/results").json()
        after = ids_of(penstock.data_dir)
        assert [one for piece in pieces for one in piece["ids"]] == [after[f"t{n}"] for n in good]
        assert [error["line"] for piece in pieces for error in piece["errors"]] == [
            n for n in range(1, LINES + 1) if n % BAD_EACH == 0
        ]
        assert before.items() <= after.items(), "what was there keeps its id"
        assert len(after) == len(good)
        assert set(stored(penstock.data_dir).values()) == {(1, 1)}
