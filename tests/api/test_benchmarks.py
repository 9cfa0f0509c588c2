"""Benchmarks over HTTP: imported, generated, read, changed, deleted, and kept apart from data sets and tenants."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import pytest

from .conftest import MAX_BODY_BYTES, Api, Site, fetching

LINES = {"Content-Type": "application/x-ndjson"}
ROWS = [
    {"question": f"What is {n} + {n}?", "answer": str(2 * n), "category": "odd" if n % 2 else "even"}
    for n in range(1, 31)
]


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def imported(api: Api, rows: list[dict[str, Any]], key: str | None = None, **params: Any) -> dict[str, Any]:
    answer = api.post("/benchmarks", params={"key": key or unique("b"), **params}, headers=LINES, data=lines(rows))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_file_becomes_a_benchmark_that_is_read_page_by_page(api: Api) -> None:
    rows = [{**row, "note": "x" * 100} for row in ROWS * 16]
    assert len(lines(rows)) > MAX_BODY_BYTES
    key = unique("sums")
    report = imported(api, rows, key, name="Sums", categories="mathematics, sums")
    made = report["benchmark"]
    assert (report["rows"], report["changed"], report["skipped"]) == (480, True, 0)
    assert (made["name"], made["kind"], made["public"], made["categories"]) == (
        "Sums",
        "custom",
        False,
        ["mathematics", "sums"],
    )
    assert (made["latest"]["rowCount"], made["latest"]["subsets"]) == (480, ["odd", "even"])
    assert api.get(f"/benchmarks/{key}").json() == api.get(f"/benchmarks/{made['id']}").json() == made
    page = api.get(f"/benchmarks/{key}/rows", params={"page": 2, "pageSize": 3}).json()
    assert (page["total"], page["page"], page["pageSize"]) == (480, 2, 3)
    assert page["data"][0] == {
        "id": "4",
        "input": "What is 4 + 4?",
        "truth": "8",
        "subset": "even",
        "cluster": None,
        "context": None,
        "metadata": {"note": "x" * 100},
    }
    assert api.get(f"/benchmarks/{key}/rows", params={"page": 9_000}).json()["data"] == []


def test_rows_are_searched_and_sorted(api: Api) -> None:
    made = imported(api, ROWS)["benchmark"]
    found = api.get(
        f"/benchmarks/{made['id']}/rows",
        params={"search": "IS 1", "searchField": "input", "sortBy": "truth", "order": "desc", "pageSize": 4},
    ).json()
    # 1 and 10 to 19: their truths as texts, the largest first.
    assert (found["total"], [row["truth"] for row in found["data"]]) == (11, ["38", "36", "34", "32"])
    unsorted = api.get(f"/benchmarks/{made['id']}/rows", params={"search": "is 1", "page": 2, "pageSize": 5}).json()
    assert (unsorted["total"], [row["id"] for row in unsorted["data"]]) == (11, ["14", "15", "16", "17", "18"])


def test_rows_at_hand_with_what_is_said_of_them(api: Api) -> None:
    key = unique("b")
    body = {
        "key": key,
        "rows": [{"q": {"text": "1 + 1"}, "a": 2}],
        "mapping": {"input": "q.text", "truth": "a"},
        "scorers": ["exact", {"type": "numeric", "tolerance": 0.5}],
        "prompt": "Compute {{ input }}.",
        "languages": ["English"],
    }
    made = api.post("/benchmarks", json=body)
    assert made.status_code == 201, made.text
    shown = made.json()["benchmark"]
    assert (shown["name"], shown["scorers"], shown["prompt"]) == (key, body["scorers"], body["prompt"])
    assert shown["settings"] == {"mapping": body["mapping"]}
    for wrong, field in (
        ({"scorers": ["nonsense"]}, "scorers[0]"),
        ({"prompt": "{{ input"}, "prompt"),
        ({"key": "no spaces"}, "key"),
        ({"mapping": {"query": "q"}}, "mapping.query"),
        ({"mapping": {"truth": "a"}}, "mapping.input"),
    ):
        refused = api.post("/benchmarks", json={**body, "key": unique("b"), **wrong})
        assert refused.status_code == 400, refused.text
        assert [error["path"] for error in refused.json()["errors"]] == [field]


def test_bad_lines_are_named_and_nothing_is_kept(api: Api) -> None:
    key = unique("b")
    rows = [
        {"id": 1, "question": "a", "answer": "b"},
        {"id": 1, "question": "a", "answer": "b"},
        {"id": 3, "question": "a", "answer": " "},
        {"id": 4, "answer": "b"},
    ]
    answer = api.post("/benchmarks", params={"key": key}, headers=LINES, data=lines(rows) + b'{"id": "\xff"}\n')
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_lines")
    assert [error["line"] for error in answer.json()["errors"]] == [2, 3, 4, 5]
    assert api.get(f"/benchmarks/{key}").status_code == 404
    report = imported(api, rows, key, onBad="skip")
    assert (report["rows"], report["skipped"], report["errorCount"]) == (1, 3, 3)
    again = api.post("/benchmarks", params={"key": key}, headers=LINES, data=lines(ROWS))
    assert (again.status_code, again.json()["code"]) == (409, "benchmark_exists")


def test_versions(api: Api) -> None:
    made = imported(api, ROWS)["benchmark"]
    path = f"/benchmarks/{made['id']}"
    same = api.post(f"{path}/versions", headers=LINES, data=lines(ROWS)).json()
    assert (same["changed"], same["benchmark"]["latest"]) == (False, made["latest"])
    other = api.post(f"{path}/versions", headers=LINES, data=lines(ROWS[:5])).json()
    assert (other["changed"], other["benchmark"]["latest"]["version"]) == (True, 2)
    first = api.get(f"{path}/versions", params={"limit": 1}).json()
    second = api.get(f"{path}/versions", params={"limit": 1, "cursor": first["nextCursor"]}).json()
    counts = [(version["version"], version["rowCount"]) for version in first["data"] + second["data"]]
    assert (counts, second["nextCursor"]) == ([(2, 5), (1, 30)], None)
    assert api.get(f"{path}/rows", params={"version": 1}).json()["total"] == 30
    assert api.get(f"{path}/rows").json()["total"] == 5
    assert api.get(f"{path}/rows", params={"version": 3}).status_code == 404


def test_changing_and_deleting(api: Api) -> None:
    made = imported(api, ROWS)["benchmark"]
    path = f"/benchmarks/{made['id']}"
    changed = api.patch(path, json={"description": "Sums.", "deprecated": True, "system": "Be brief."}).json()
    assert (changed["description"], changed["deprecated"], changed["system"]) == ("Sums.", True, "Be brief.")
    assert api.patch(path, json={"system": None}).json()["system"] is None
    assert changed["latest"] == made["latest"]
    assert api.patch(path, json={"rows": []}).status_code == 400
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == api.delete(path).status_code == 404


def test_generated_ones_are_the_same_everywhere(api: Api) -> None:
    asked = {"generator": "dates", "seed": 7, "difficulty": "hard", "rows": 20}
    one, two = (api.post("/benchmarks/generate", json={**asked, "key": unique("d")}).json() for _ in range(2))
    assert one["benchmark"]["latest"]["contentHash"] == two["benchmark"]["latest"]["contentHash"]
    assert one["benchmark"]["settings"]["seed"] == 7
    wrong = api.post("/benchmarks/generate", json={"generator": "riddles", "seed": -1, "rows": 0})
    assert wrong.status_code == 400
    assert [error["path"] for error in wrong.json()["errors"]] == ["generator", "rows", "seed"]


def test_public_ones_are_read_by_everybody_and_changed_by_nobody(api: Api, other: Api) -> None:
    listed = [benchmark["key"] for benchmark in api.get("/benchmarks", params={"public": "true"}).json()["data"]]
    assert listed == ["arithmetic", "boolean_logic", "dates", "instructions", "sorting", "string_edits"]
    mine, theirs = (client.get("/benchmarks/arithmetic").json() for client in (api, other))
    assert mine == theirs
    assert mine["public"] is True
    assert other.get("/benchmarks/arithmetic/rows").json()["total"] == mine["latest"]["rowCount"] == 200
    for refused in (
        api.delete("/benchmarks/arithmetic"),
        api.patch("/benchmarks/arithmetic", json={"name": "x"}),
        api.post("/benchmarks/arithmetic/versions", headers=LINES, data=lines(ROWS)),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "benchmark_public")
    own = api.post("/benchmarks/generate", json={"generator": "arithmetic", "seed": 1, "key": "arithmetic"}).json()
    assert api.get("/benchmarks/arithmetic").json()["id"] == own["benchmark"]["id"]
    assert api.get(f"/benchmarks/{mine['id']}").json() == other.get("/benchmarks/arithmetic").json() == mine
    assert api.delete("/benchmarks/arithmetic").status_code == 204
    assert api.get("/benchmarks/arithmetic").json() == mine


def test_another_tenant_sees_nothing(api: Api, other: Api) -> None:
    made = imported(api, ROWS)["benchmark"]
    for path in ("", "/rows", "/versions"):
        for name in (made["id"], made["key"]):
            assert other.get(f"/benchmarks/{name}{path}").status_code == 404
    assert other.delete(f"/benchmarks/{made['id']}").status_code == 404
    assert made["key"] not in other.get("/benchmarks", params={"limit": 500}).text
    assert api.get(f"/benchmarks/{made['id']}").status_code == 200


def test_its_rows_are_no_data_set_that_anybody_meets(api: Api) -> None:
    made = imported(api, ROWS)["benchmark"]
    assert "benchmark/" not in api.get("/datasets", params={"limit": 500}).text
    for method in ("GET", "DELETE"):
        assert api.request(method, f"/datasets/benchmark%2F{made['id']}").status_code == 404


@pytest.mark.parametrize(
    ("params", "keys"),
    [
        ({"category": "Physics"}, ["a"]),
        ({"language": "german"}, ["b"]),
        ({"text": "MOTION_"}, ["a"]),
        ({"deprecated": "true"}, ["c"]),
        ({"kind": "builtin", "deprecated": "false"}, ["d"]),
        ({"category": "%"}, []),
    ],
)
def test_filters(api: Api, params: dict[str, str], keys: list[str]) -> None:
    # Every benchmark of this test has the same word in its description, so that others do not get in the way.
    mark = unique("mark")
    made = {}
    for name, description, more in (
        ("a", "motion_1", {"categories": ["physics"]}),
        ("b", "motionless", {"languages": ["German"]}),
        ("c", "", {"deprecated": True}),
        ("d", "", {}),
    ):
        key = f"{name}-{mark}"
        if name == "d":
            api.post("/benchmarks/generate", json={"generator": "sorting", "rows": 3, "key": key})
        else:
            imported(api, ROWS[:2], key)
            api.patch(f"/benchmarks/{key}", json={"description": description, **more})
        made[key] = name
    found = api.get("/benchmarks", params={"limit": 500, "public": "false", **params}).json()["data"]
    assert [made[benchmark["key"]] for benchmark in found if benchmark["key"] in made] == keys


def test_a_draft_from_documents_and_its_review(api: Api) -> None:
    key = unique("smart")
    questions = [{"question": f"Question {n}?", "answer": f"{n}", "quote": "It is so."} for n in range(3)]
    body = {
        "key": key,
        "documents": [
            {"name": "a.txt", "text": "It is so."},
            {"name": "b.html", "data": base64.b64encode(b"<p>It is so.</p>").decode()},
        ],
        "questions": 5,
        "model": f"scripted/fixed:{json.dumps({'questions': questions})}",
    }
    again = {"Idempotency-Key": key}
    started = api.post("/benchmarks/smart", json=body, headers=again)
    assert started.status_code == 202, started.text
    shown = started.json()
    assert api.post("/benchmarks/smart", json=body, headers=again).json()["executionId"] == shown["executionId"]
    ended = api.ended(shown["executionId"])
    assert (ended["kind"], ended["status"]) == ("benchmark_draft", "completed"), ended
    draft = api.get(f"/benchmarks/{key}").json()
    assert (draft["id"], draft["kind"], draft["latest"]["state"]) == (shown["benchmarkId"], "smart", "draft")
    refused = api.post("/evaluations", json={"model": "scripted/echo", "benchmark": key, "scorers": ["exact"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "benchmark_draft")
    wrong = api.post(f"/benchmarks/{key}/review", json={"accept": ["1", "x"]})
    assert (wrong.status_code, wrong.json()["errors"][0]["path"]) == (400, "accept[1]")
    edits = {"2": {"truth": "one"}}
    ready = api.post(f"/benchmarks/{key}/review", json={"accept": ["1", "2"], "edits": edits}).json()["benchmark"]
    assert (ready["latest"]["state"], ready["latest"]["rowCount"]) == ("ready", 2)
    assert [row["truth"] for row in api.get(f"/benchmarks/{key}/rows").json()["data"]] == ["0", "one"]


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"name": "a.pdf", "text": "x"}, "documents[0]"),
        ({"name": "a.txt", "data": "no base 64"}, "documents[0].data"),
        ({"name": "a.txt"}, "documents[0]"),
    ],
)
def test_documents_that_cannot_be_read(api: Api, document: dict[str, str], path: str) -> None:
    body = {"key": unique("smart"), "documents": [document], "model": "scripted/echo"}
    refused = api.post("/benchmarks/smart", json=body)
    assert (refused.status_code, [error["path"] for error in refused.json()["errors"]]) == (400, [path])


def test_what_an_evaluation_runs_on_is_not_deleted(api: Api, site: Site) -> None:
    made = imported(api, ROWS[:1])["benchmark"]
    flow = api.flow(fetching(site, "gate"))
    gate = unique("gate")
    api.patch(f"/benchmarks/{made['id']}", json={"scorers": ["exact"]})
    body = {"flow": flow, "benchmark": made["id"], "inputs": {"name": "metadata.gate"}}
    rows = [{"input": "q", "truth": "a", "gate": gate}]
    assert api.post(f"/benchmarks/{made['id']}/versions", headers=LINES, data=lines(rows)).status_code == 201
    started = api.post("/evaluations", json=body)
    assert started.status_code == 202, started.text
    site.wait_for_arrival(gate)
    refused = api.delete(f"/benchmarks/{made['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "benchmark_in_use")
    site.open_gate(gate)
    api.ended(started.json()["executionId"])
    assert api.delete(f"/benchmarks/{made['id']}").status_code == 204
