"""Commands without a server: the real engine, in this process, on a data folder of its own."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import pytest

FLOW = """
name: label
input:
  text: {type: string, required: true}
nodes:
  check:
    type: transform
    inputs: {text: input.text}
    expression: "{'good': 'positive', 'bad': 'negative'}[text]"
output: {label: check.out}
"""


@pytest.fixture
def here(penstock, tmp_path, monkeypatch):
    """Run a command on a data folder of this test."""
    for name in ("PENSTOCK_URL", "PENSTOCK_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: penstock(*words, "--data", tmp_path / "data")


@pytest.fixture
def flow(tmp_path):
    file = tmp_path / "flow.yaml"
    file.write_text(FLOW)
    return file


def test_one_input_runs_in_this_process(here, flow):
    done = here("run", flow, "--input", "text=good")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout) == {"label": "positive"}


def test_rows_run_and_the_failed_one_can_be_retried(here, flow, tmp_path):
    rows = tmp_path / "reviews.csv"
    rows.write_text("text\ngood\nodd\nbad\n")
    done = here("run", flow, "--dataset", rows)
    assert done.exit_code == 3, done.stderr
    assert "positive" in done.stdout
    assert "1 of 3 items failed" in done.stderr
    advice = re.search(r"penstock executions retry (\S+) --data", done.stderr)
    assert advice is not None
    again = here("executions", "retry", advice[1])
    assert again.exit_code == 3, "what fails again fails inside the same execution"
    listed = json.loads(here("executions", "list", "--json").stdout)
    assert [(run["executionId"], run["status"]) for run in listed] == [(advice[1], "completed")]
    results = here("executions", "results", advice[1])
    assert json.loads(results.stdout) == [{"label": "positive"}, None, {"label": "negative"}]
    assert (
        "odd" in here("executions", "logs", advice[1]).stdout or "check" in here("executions", "logs", advice[1]).stdout
    )


def test_results_are_written_in_each_format(here, flow, tmp_path):
    inputs = tmp_path / "inputs.json"
    inputs.write_text('[{"text": "good"}, {"text": "bad"}]')
    wanted = {"out.json": "positive", "out.ndjson": '{"label":"positive"}\n{"label":"negative"}', "out.csv": "negative"}
    for name, text in wanted.items():
        assert here("run", flow, "--input-file", inputs, "-o", tmp_path / name).exit_code == 0
        assert text in (tmp_path / name).read_text()


def test_a_flow_is_pushed_shown_and_deployed(here, flow):
    assert "version 1, created" in here("flows", "push", flow).stdout
    assert "version 1, unchanged" in here("flows", "push", flow).stdout
    flow.write_text(FLOW.replace("positive", "yes"))
    assert "version 2, new version" in here("flows", "push", flow).stdout
    assert here("flows", "deploy", "label", "1").exit_code == 0
    assert json.loads(here("flows", "list", "--json").stdout)[0]["deployedVersion"] == 1
    assert "'yes'" in here("flows", "show", "label").stdout


def test_a_faulty_flow_is_refused_with_the_line(here, flow):
    flow.write_text(FLOW.replace("input.text", "nowhere.out"))
    done = here("flows", "validate", flow)
    assert done.exit_code == 1
    assert f"{flow}:8: nodes.check.inputs.text" in done.stderr
    assert here("flows", "push", flow).exit_code == 1
    assert json.loads(here("flows", "list", "--json").stdout) == []


def test_a_wrong_input_is_named(here, flow):
    done = here("run", flow, "--input", "tex=good")
    assert done.exit_code == 1
    assert "text" in done.stderr
    assert "tex" in done.stderr


def test_members_are_added_listed_and_removed(here):
    added = here("members", "add", "ada@example.com", "--password", "correct horse battery", "--scope", "models:read")
    assert (added.exit_code, added.stdout) == (0, "ada@example.com may sign in\n")
    assert json.loads(here("members", "list", "--json").stdout)[0]["scopes"] == ["models:read"]
    assert here("members", "remove", "ada@example.com").exit_code == 0
    assert "No members yet" in here("members", "list").output


def test_keys_are_made_listed_and_revoked(here):
    made = json.loads(here("keys", "create", "ci", "--scope", "executions:run", "--json").stdout)
    assert made["key"].startswith("psk_")
    assert made["key"] not in here("keys", "list", "--json").stdout
    assert here("keys", "revoke", made["id"]).exit_code == 0
    listed = {key["id"]: key for key in json.loads(here("keys", "list", "--json").stdout)}
    assert listed[made["id"]]["revokedAt"] is not None


def test_models_are_added_without_showing_their_key(here, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    words = (
        "--provider",
        "openai",
        "--model-name",
        "m",
        "--base-url",
        "http://127.0.0.1:9/v1",
        "--api-key-env",
        "MY_KEY",
    )
    assert here("models", "add", "mine", *words).exit_code == 0
    listed = here("models", "list", "--json").stdout
    assert json.loads(listed)[0]["hasApiKey"] is True
    assert "sk-very-secret" not in listed
    tested = here("models", "test", "mine")
    assert tested.exit_code == 1
    assert "does not answer" in tested.stderr
    assert here("models", "test", "scripted/echo").exit_code == 0


def test_models_are_looked_for_saved_with_a_payload_and_chosen(here, tmp_path):
    found = json.loads(here("models", "catalog", "gpt-4o", "mini", "--provider", "openai", "--json").stdout)
    assert "openai/gpt-4o-mini" in {model["key"] for model in found}
    payload = tmp_path / "payload.json"
    payload.write_text('{"top_k": 3}')
    words = ("--provider", "scripted", "--model-name", "echo", "--key", "team/mine", "--extra-payload", payload)
    added = here("models", "add", "mine", *map(str, words), "--probe")
    assert "mine answers" in added.stdout
    assert json.loads(here("models", "show", "team/mine").stdout)["extraPayload"] == {"top_k": 3}
    assert json.loads(here("models", "show", "local/smollm2").stdout)["license"] == "Apache-2.0"
    assert here("models", "project", "team/mine", "local/smollm2").exit_code == 0
    chosen = json.loads(here("models", "project", "--json").stdout)
    assert [model["kind"] for model in chosen] == ["saved", "public"]
    assert here("models", "project", "nobody/nothing").exit_code == 1
    assert here("models", "remove", "team/mine").exit_code == 0
    assert here("models", "show", "team/mine").exit_code == 1


def test_doctor_reports_a_healthy_folder_and_names_no_secret(here, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    done = here("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.exit_code == 0, report
    assert report["healthy"] is True
    assert report["variables"]["OPENAI_API_KEY"] is True
    assert report["defaultModel"].startswith("openai/")
    assert "sk-very-secret" not in done.stdout


def test_doctor_says_what_is_wrong_with_a_store(here, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "penstock.db").write_text("this is no database " * 100)
    done = here("doctor")
    assert done.exit_code == 1
    assert "NO" in done.stdout


def test_a_folder_in_use_names_the_way_to_its_owner(here, flow, tmp_path):
    from penstock.ownership import FolderLock

    (tmp_path / "data").mkdir()
    lock = FolderLock.take(tmp_path / "data", "http://127.0.0.1:7788")
    try:
        done = here("run", flow, "--input", "text=good")
    finally:
        lock.release()
    assert done.exit_code == 1
    assert "PENSTOCK_URL" in done.stderr
    assert "7788" in done.stderr


SLOW = """
name: slow
input: {text: {type: string, required: true}}
settings: {concurrency: 2}
nodes:
  ask:
    type: prompt
    model: scripted/delay:100:echo
    prompt: "{{ text }}"
    inputs: {text: input.text}
output: {said: ask.out}
"""


IGNORING_SIGINT = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
"""As a shell starts a job in the background."""


@pytest.mark.parametrize(
    ("number", "before"), [(signal.SIGINT, ""), (signal.SIGTERM, ""), (signal.SIGTERM, IGNORING_SIGINT)]
)
def test_interrupted_the_run_is_parked_and_goes_on_at_the_next_start(here, flow, tmp_path, number, before):
    flow.write_text(SLOW)
    inputs = tmp_path / "inputs.json"
    inputs.write_text(json.dumps([{"text": f"row {n}"} for n in range(40)]))
    words = ["run", str(flow), "--input-file", str(inputs), "--data", str(tmp_path / "data")]
    main = [sys.executable, "-c", f"{before}from penstock.cli.main import main; main()"]
    with subprocess.Popen([*main, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        execution_id = _begun(here)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert "is parked" in err
    assert f"penstock executions watch {execution_id} --data" in err
    assert "Traceback" not in err
    assert out == ""
    parked = json.loads(here("executions", "show", execution_id, "--json").stdout)
    assert 0 < parked["itemsProcessed"] < 40
    final = json.loads(here("executions", "watch", execution_id, "--json").stdout)
    assert (final["status"], final["counts"]["succeeded"]) == ("completed", 40)
    assert final["usage"]["modelCalls"] <= 42, "only what was in flight may be asked again"


def _begun(here) -> str:
    """The id of the first execution, when its first items are done."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        listed = here("executions", "list", "--json")
        runs = json.loads(listed.stdout) if listed.exit_code == 0 else []
        if runs and runs[0]["itemsProcessed"]:
            return str(runs[0]["executionId"])
        time.sleep(0.05)
    raise AssertionError("the run did not begin")
