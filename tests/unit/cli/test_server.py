"""`penstock up` as a process: its address, its key, its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

START = [sys.executable, "-c", "from penstock.cli.main import main; main()"]


@pytest.fixture
def clean(monkeypatch):
    for name in ("PENSTOCK_URL", "PENSTOCK_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_up_prints_its_address_and_key_and_ends_on_sigterm(penstock, tmp_path, clean, monkeypatch):
    words = [*START, "up", "--port", "0", "--data", str(tmp_path / "data")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = "".join(process.stdout.readline() for _ in range(4))
        url, key = re.search(r"http://\S+", told), re.search(r"psk_\S+", told)
        assert url is not None, told
        assert key is not None, told
        monkeypatch.setenv("PENSTOCK_URL", url[0])
        refused = penstock("flows", "list")
        monkeypatch.setenv("PENSTOCK_API_KEY", key[0])
        healthy = penstock("doctor")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert refused.exit_code == 1
    assert "key" in refused.stderr
    assert healthy.exit_code == 0, healthy.stdout
    assert process.returncode == 0


def test_a_taken_port_is_said_in_a_sentence(tmp_path, clean):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = [*START, "up", "--port", str(port), "--data", str(tmp_path / "data")]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30, env=os.environ)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_listening_is_said_with_the_way_out(penstock, clean):
    done = penstock("flows", "list", "--url", "http://127.0.0.1:9")
    assert done.exit_code == 1
    assert "cannot reach Penstock at http://127.0.0.1:9" in done.stderr
