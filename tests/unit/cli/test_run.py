"""`penstock run` and what it says of a run, against a server that keeps to the contract."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "reviews.csv"
    file.write_text("text\ngood\nbad\n")
    return file


def test_one_input_prints_the_results_on_standard_output_alone(penstock, api):
    done = penstock("run", "echo", "--input", "text=hello")
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"text": "hello"}


def test_inputs_take_the_types_that_the_flow_declares(penstock, api):
    api.things["flows"]["f1"]["document"]["input"] = {"n": {"type": "integer"}, "zip": {"type": "string"}}
    done = penstock("run", "echo", "--input", "n=7", "--input", "zip=01234")
    assert json.loads(done.stdout) == {"n": 7, "zip": "01234"}
    wrong = penstock("run", "echo", "--input", "n=seven")
    assert wrong.exit_code == 2
    assert "'seven' is not integer" in wrong.stderr


def test_a_file_of_one_object_is_one_input_and_of_a_list_many(penstock, api, tmp_path):
    one, many = tmp_path / "one.yaml", tmp_path / "many.json"
    one.write_text("text: hello")
    many.write_text('[{"text": "a"}, {"text": "b"}]')
    assert json.loads(penstock("run", "echo", "--input-file", one).stdout) == {"text": "hello"}
    assert penstock("run", "echo", "--input-file", many).exit_code == 0
    assert api.of("POST", "/flows/f1/executions")[0].json["inputs"] == [{"text": "a"}, {"text": "b"}]


def test_failed_items_are_named_with_why_and_how_to_retry(penstock, api, rows):
    done = penstock("run", "partial", "--dataset", rows)
    assert done.exit_code == 3
    assert "good" in done.stdout
    assert "item 1: ask: the model [bold]broke[/bold][31m" in done.stderr, "text is shown as text, without escapes"
    assert f"penstock executions retry {next(iter(api.runs))}" in done.stderr
    assert "data set 'reviews': 2 rows" in done.stderr


def test_json_is_the_whole_outcome(penstock, api):
    outcome = json.loads(penstock("run", "partial", "--json").stdout)
    assert (outcome["status"], outcome["partial"]) == ("completed", True)
    assert outcome["results"] == [{"label": "good"}, None]


def test_results_go_to_a_file(penstock, api, tmp_path):
    target = tmp_path / "out.json"
    done = penstock("run", "echo", "--input", "text=hello", "-o", target)
    assert done.exit_code == 0
    assert json.loads(target.read_text()) == {"text": "hello"}
    assert done.stdout == ""


def test_a_failed_run_ends_with_1_and_its_error(penstock, api):
    done = penstock("run", "broken")
    assert done.exit_code == 1
    assert "failed (node 'n1'): it broke" in done.stderr


def test_async_prints_the_handle_and_leaves(penstock, api):
    done = penstock("run", "slow", "--async")
    assert done.exit_code == 0
    assert done.stdout.strip() in api.runs
    assert "executions watch" in done.stderr


def test_wait_ends_with_the_handle_and_a_code_of_its_own(penstock, api):
    done = penstock("run", "slow", "--wait", "0")
    assert done.exit_code == 124
    assert done.stdout.strip() in api.runs


def test_a_flow_file_becomes_a_flow_before_it_runs(penstock, api, tmp_path):
    file = tmp_path / "flow.yaml"
    file.write_text("name: broken file\n")
    done = penstock("run", file)
    assert done.exit_code == 1
    assert api.of("POST", "/flows")[0].body == file.read_bytes()
    assert api.of("POST", "/flows")[0].headers["content-type"] == "application/yaml"


def test_an_error_of_the_api_is_told_and_as_json_for_scripts(penstock, api):
    done = penstock("run", "unknown")
    assert done.exit_code == 1
    assert done.stderr == "Error: There is no 'unknown' here.\n"
    told = json.loads(penstock("run", "unknown", "--json").stderr)
    assert (told["code"], told["status"]) == ("flows_unknown", 404)


def test_ctrl_c_says_that_the_run_goes_on(api):
    words = [sys.executable, "-c", "from penstock.cli.main import main; main()", "run", "slow"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        assert api.changed.wait(20)
        _until_polled(api)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    execution_id = next(iter(api.runs))
    assert process.returncode == 130
    assert f"penstock executions watch {execution_id}" in err
    assert f"penstock executions cancel {execution_id}" in err
    assert "Traceback" not in err
    assert out == ""
    assert api.runs[execution_id].body["status"] == "running"


def _until_polled(api):
    import time

    ends = time.monotonic() + 20
    while not any(seen.query.get("wait") for seen in api.seen):
        assert time.monotonic() < ends
        time.sleep(0.01)
