"""The scripted model server as a test uses it: started, asked, stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.testing.model_server import ModelServer


@pytest.fixture(scope="module")
def _server() -> Iterator[ModelServer]:
    with ModelServer.start() as server:
        yield server


@pytest.fixture
def server(_server: ModelServer) -> ModelServer:
    _server.script([])
    _server.reset()
    return _server


def post(url: str, body: Any, headers: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers or {})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read())


def chat(server: ModelServer, text: str, **headers: str) -> str:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    content: str = post(f"{server.url}/v1/chat/completions", body, headers)["choices"][0]["message"]["content"]
    return content


def status(server: ModelServer, text: str) -> int:
    try:
        chat(server, text)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    return 200


def test_answers_the_same_to_the_same_question(server: ModelServer) -> None:
    assert chat(server, "one") == chat(server, "one") != chat(server, "two")


def test_a_rule_answers_what_it_has_an_answer_for(server: ModelServer) -> None:
    server.script([{"model": "m", "answers": {"one": "1"}}, {"model": "other", "answers": {"two": "2"}}])
    assert chat(server, "one") == "1"
    assert chat(server, "two").startswith("scripted reply")


def test_rules_decide_in_order_and_count(server: ModelServer) -> None:
    server.script(
        [
            {"contains": "boom", "status": 500, "times": 2},
            {"regex": "^b.+m", "text": "by pattern"},
            {"model": "other", "text": "never"},
        ]
    )
    assert [status(server, "boom"), status(server, "boom"), status(server, "boom")] == [500, 500, 200]
    assert chat(server, "bim") == "by pattern"
    assert chat(server, "else").startswith("scripted reply")


def test_a_rule_can_count_each_message_on_its_own(server: ModelServer) -> None:
    server.script([{"status": 503, "times": 1, "each": True}])
    assert [status(server, text) for text in ("a", "b", "a", "b")] == [503, 503, 200, 200]


def test_calls_are_logged_before_they_are_answered(tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    with ModelServer.start(log=log, rules=[{"contains": "no", "status": 429, "retryAfterSeconds": 7}]) as server:
        chat(server, "yes", **{"Idempotency-Key": "k-1"})
        assert status(server, "no") == 429
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert lines == server.calls()
        assert server.stats()["statuses"] == {"200": 1, "429": 1}
    assert [line["n"] for line in lines] == [1, 2]
    assert (lines[0]["prompt"], lines[0]["model"], lines[0]["idempotencyKey"]) == ("yes", "m", "k-1")


def test_a_wrong_script_or_request_is_refused_with_its_fault(server: ModelServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        server.script([{"contans": "typo"}])
    with caught.value as error:
        assert error.code == 400
        assert b"contans" in error.read()
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(f"{server.url}/v1/chat/completions", {"model": "m"})
    with caught.value as error:
        assert error.code == 400


def test_a_script_file_and_a_clean_end(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text('{"rules": [{"text": "from the file"}], "delayMs": 1}')
    command = [sys.executable, "-m", "penstock.testing.model_server", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = json.loads(process.stdout.readline())["url"]
        answer = post(f"{url}/v1/chat/completions", {"model": "m", "messages": []})
        process.terminate()
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    assert answer["choices"][0]["message"]["content"] == "from the file"


def test_a_port_that_is_taken_is_said(server: ModelServer) -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        ModelServer.start(port=int(server.url.rpartition(":")[2]))


def test_an_answer_that_drips_is_whole_in_the_end(server: ModelServer) -> None:
    server.script([{"behaviour": "drip", "text": "slow but whole", "delayMs": 250}])
    assert chat(server, "go on") == "slow but whole"
    assert server.stats()["inFlight"] == server.stats()["aborted"] == 0


def test_who_leaves_is_counted(server: ModelServer) -> None:
    server.script([{"behaviour": "drip", "text": "never whole", "delayMs": 60_000}])
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{server.url}/v1/chat/completions", body), timeout=10):
        assert server.stats()["inFlight"] == 1
    while server.stats()["inFlight"]:
        pass
    assert server.stats()["aborted"] == 1
    assert server.calls() == []
