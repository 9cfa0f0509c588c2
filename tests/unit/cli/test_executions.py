from __future__ import annotations

import json


def start(penstock, flow: str) -> str:
    return penstock("run", flow, "--async").stdout.strip()


def test_list_show_and_watch(penstock, api):
    execution_id = start(penstock, "partial")
    assert execution_id in penstock("executions", "list").stdout
    shown = penstock("executions", "show", execution_id)
    assert shown.exit_code == 0, "showing a run that failed is no failure"
    assert "some items failed" in shown.stdout
    assert "broke" in penstock("executions", "show", execution_id, "--failed").stdout
    watched = penstock("executions", "watch", execution_id)
    assert watched.exit_code == 3
    assert "item 1 failed" in watched.stderr


def test_a_log_is_followed_to_the_end_of_the_run(penstock, api):
    execution_id = start(penstock, "partial")
    lines = penstock("executions", "logs", execution_id, "--follow").stdout.splitlines()
    assert ["read succeeded" in lines[0], "read failed" in lines[1]] == [True, True]
    for level in ("warn", "error"):
        followed = penstock("executions", "logs", execution_id, "--follow", "--level", level).stdout.splitlines()
        assert ["failed" in line for line in followed] == [True]
    assert penstock("executions", "logs", execution_id, "--follow", "--node", "other").stdout == ""


def test_cancel_then_watch(penstock, api):
    execution_id = start(penstock, "slow")
    assert "cancelled" in penstock("executions", "cancel", execution_id).stdout
    assert penstock("executions", "watch", execution_id).exit_code == 1


def test_retry_follows_the_same_execution_to_its_end(penstock, api):
    execution_id = start(penstock, "partial")
    done = penstock("executions", "retry", execution_id, "--item", "1", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["results"] == ["good", "good"]
    assert api.of("POST", f"/executions/{execution_id}/retry")[0].json == {"items": ["1"]}


def test_retry_with_another_version_of_the_flow(penstock, api):
    execution_id = start(penstock, "partial")
    penstock("executions", "retry", execution_id, "--flow-version", "2")
    sent = api.of("POST", f"/executions/{execution_id}/retry")[0].json
    assert sent == {"items": "failed", "flowVersion": 2}


def test_results_are_json(penstock, api):
    execution_id = start(penstock, "partial")
    done = penstock("executions", "results", execution_id)
    assert json.loads(done.stdout) == [{"label": "good"}, None]
    assert done.exit_code == 3


def test_an_unknown_execution_is_1(penstock, api):
    done = penstock("executions", "show", "exec_0")
    assert done.exit_code == 1
    assert "There is no such execution." in done.stderr


def test_an_empty_list_is_json_for_scripts_and_advice_for_people(penstock, api):
    assert json.loads(penstock("executions", "list", "--json").stdout) == []
    assert "penstock run" in penstock("executions", "list").stderr
