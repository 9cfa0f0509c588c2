"""A process is killed while it deletes: what is half gone is seen by nobody, and goes for good later."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import httpx2
import pytest

from penstock.retention import keeper as keeping
from penstock.retention.keeper import Keeper
from penstock.storage.sqlite import SqliteStore
from penstock.testing.penstock_process import PenstockProcess

ROWS = 40_000
FLOW = """
name: shout
input: {text: {type: string, required: true}}
nodes:
  loud: {type: transform, expression: text|upper, inputs: {text: input.text}}
"""


def rows(folder: Path) -> int:
    with sqlite3.connect(folder / "penstock.db") as store:
        count = store.execute("select count(*) from items").fetchone()[0]
    store.close()
    return int(count)


def swell(folder: Path) -> None:
    """Give the only execution many more items, as a large run would have left them."""
    with sqlite3.connect(folder / "penstock.db") as store:
        store.execute(
            "with recursive n (i) as (select 1 union all select i + 1 from n where i < ?)"
            " insert into items (execution_no, path, status, input)"
            " select 1, printf('%09d', i), 'succeeded', printf('%0300d', i) from n",
            (ROWS,),
        )
    store.close()


def test_a_kill_in_the_middle_of_a_delete_leaves_nothing_to_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "ROWS_AT_ONCE", 5000)
    folder = tmp_path / "data"
    with PenstockProcess(folder) as server:
        flow = server.save_flow(FLOW)
        execution = server.post(f"/flows/{flow}/execute", {"text": "a"}).headers["Execution-Id"]
        server.terminate()
        swell(folder)
        server.start()

        def delete() -> None:
            try:
                server.client.delete(f"/executions/{execution}")
            except httpx2.TransportError:
                pass  # The server was killed before it could answer.

        deleting = threading.Thread(target=delete)
        deleting.start()
        while not 0 < rows(folder) < ROWS:
            time.sleep(0.002)
        server.kill()
        deleting.join()
        assert rows(folder) > 0, "it was killed too late to prove anything"

        server.start()
        assert server.client.get(f"/executions/{execution}").status_code == 404
        assert server.client.get("/executions").json()["data"] == []
        again = server.post(f"/flows/{flow}/execute", {"text": "b"})
        assert again.status_code == 200, again.text
        server.terminate()

    async def keep() -> None:
        store = SqliteStore(folder / "penstock.db")
        await Keeper(store, 0).keep()
        await store.close()

    asyncio.run(keep())
    assert rows(folder) == 1
