"""The server process: how it starts, refuses to start, and ends."""

from __future__ import annotations

import socket
import sqlite3
import threading
import uuid
from pathlib import Path

import requests

from .conftest import ADMIN_KEY, GREET, Api, Process, Site, fetching

CHOSEN = {"PENSTOCK_API_KEY": ADMIN_KEY}


def test_the_first_start_prints_a_key_once(tmp_path: Path) -> None:
    first = Process(tmp_path).start()
    key = first.first_key()
    with Api(first.url, key) as api:
        assert api.post("/flows", json={**GREET, "name": "kept"}).status_code == 201
    assert first.end() == (0, "")
    second = Process(tmp_path).start()
    with Api(second.url, key) as api:
        assert api.get("/flows/kept").status_code == 200
    assert second.end()[0] == 0
    assert "psk_" not in second.printed


def test_a_port_that_is_taken_changes_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        data = tmp_path / "never-made"
        status, err = Process(data, {"PENSTOCK_PORT": str(port)}).start().wait()
    assert status == 1
    assert f"127.0.0.1:{port}" in err
    assert "Traceback" not in err
    assert not data.exists()


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Process(tmp_path, CHOSEN).start().end()
    with sqlite3.connect(tmp_path / "penstock.db") as connection:
        connection.execute("insert into schema_migrations (version, name, applied_at) values (999, 'later', 0)")
    connection.close()
    status, err = Process(tmp_path, CHOSEN).start().wait()
    assert status == 1
    assert "999" in err
    assert "Traceback" not in err


def test_a_data_folder_that_is_in_use_is_refused(tmp_path: Path) -> None:
    first = Process(tmp_path, CHOSEN).start()
    status, err = Process(tmp_path, CHOSEN).start().wait()
    assert status == 1
    assert str(tmp_path) in err
    with Api(first.url) as api:
        assert api.get("/readyz").status_code == 200
    assert first.end()[0] == 0


def test_an_unsafe_key_is_refused(tmp_path: Path) -> None:
    status, err = Process(tmp_path, {"PENSTOCK_API_KEY": "short"}).start().wait()
    assert status == 1
    assert "PENSTOCK_API_KEY" in err


def test_a_shutdown_parks_the_run_and_the_start_resumes_it(tmp_path: Path, site: Site) -> None:
    environment = {**CHOSEN, "PENSTOCK_ALLOWED_NETWORKS": "127.0.0.0/8", "PENSTOCK_SHUTDOWN_GRACE_SECONDS": "0.5"}
    gate = uuid.uuid4().hex
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = Process(tmp_path, environment).start()
    answers: list[requests.Response] = []
    with Api(first.url) as api:
        flow = api.flow(fetching(site, "gate"))

        def call() -> None:
            answers.append(api.post(f"/flows/{flow}/execute", json={"name": gate}, headers=key))

        caller = threading.Thread(target=call)
        caller.start()
        site.wait_for_arrival(gate)
        status, _ = first.end()
        caller.join()
    assert status == 0
    (answer,) = answers
    assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
    assert int(answer.headers["Retry-After"]) >= 1
    site.open_gate(gate)
    second = Process(tmp_path, environment).start()
    with Api(second.url) as api:
        assert api.ended(answer.headers["Execution-Id"])["results"] == {"value": gate}
        attached = api.post(f"/flows/{flow}/execute", json={"name": gate}, headers=key)
        assert attached.headers["Execution-Id"] == answer.headers["Execution-Id"]
    assert second.end()[0] == 0


def test_what_a_killed_upload_left_behind_is_removed(tmp_path: Path) -> None:
    left = tmp_path / "uploads" / "upload-abc"
    left.parent.mkdir()
    left.write_bytes(b"x")
    process = Process(tmp_path, CHOSEN).start()
    assert process.end()[0] == 0
    assert not left.exists()
