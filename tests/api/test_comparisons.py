"""Comparisons over HTTP, with the SDK and from the command line, of evaluations whose answers are known."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from scipy.stats import binomtest

from penstock import ConflictError, Penstock
from penstock.cli.main import cli
from penstock.evaluations.statistics import paired

from .conftest import ADMIN_KEY, Api, Running

# Of 24 rows: both right, only the first, only the second, neither.
PLAN = [(True, True)] * 8 + [(True, False)] * 3 + [(False, True)] * 9 + [(False, False)] * 4
FIRST, SECOND = ([float(pair[side]) for pair in PLAN] for side in (0, 1))


def upload(api: Api, rows: list[dict[str, Any]]) -> str:
    key = f"plan-{uuid.uuid4().hex[:8]}"
    made = api.post("/benchmarks", json={"key": key, "rows": rows})
    assert made.status_code == 201, made.text
    return key


def planned(number: int, pair: tuple[bool, bool]) -> dict[str, Any]:
    answers = {name: "yes" if right else f"no, {name}" for name, right in zip(("first", "second"), pair, strict=True)}
    subset = "even" if number % 2 == 0 else "odd"
    return {"id": f"row-{number}", "input": f"question {number}", "truth": "yes", "subset": subset, "metadata": answers}


def evaluated(api: Api, benchmark: str, side: str, **body: Any) -> str:
    """An evaluation that is over: the model says what the row's metadata holds for this side."""
    asked = {"model": "scripted/echo", "prompt": f"{{{{ metadata.{side} }}}}", "scorers": ["exact"], "wait": 30}
    answer = api.post("/evaluations", json={"benchmark": benchmark, **asked, **body})
    assert answer.status_code == 200, answer.text
    made: str = answer.json()["id"]
    return made


@pytest.fixture(scope="module")
def sides(server: Running) -> Iterator[tuple[str, str, str]]:
    """The benchmark, and an evaluation of each side."""
    with Api(server.url) as api:
        benchmark = upload(api, [planned(number, pair) for number, pair in enumerate(PLAN)])
        yield benchmark, evaluated(api, benchmark, "first"), evaluated(api, benchmark, "second")


def compared(api: Api, *ids: str, **query: Any) -> dict[str, Any]:
    answer = api.get("/comparisons", params={"evaluations": ",".join(ids), **query})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_two_evaluations_differ_as_their_rows_do(api: Api, sides: tuple[str, str, str]) -> None:
    _, first, second = sides
    body = compared(api, first, second)
    assert (body["scorer"], body["reference"], body["level"]) == ("exact", first, 0.95)
    assert [side["mean"] for side in body["sides"]] == [pytest.approx(11 / 24), pytest.approx(17 / 24)]
    (pair,) = body["pairs"]
    whole, expected = pair["whole"], paired(FIRST, SECOND)
    assert whole["outcomes"] == {"bothSucceed": 8, "bothFail": 4, "referenceFails": 9, "comparisonFails": 3}
    assert (whole["test"], whole["losses"], whole["wins"], whole["n"]) == ("mcnemar_exact", 3, 9, 24)
    assert whole["pValue"] == whole["adjustedP"] == pytest.approx(binomtest(3, 12).pvalue, rel=1e-9)
    assert (whole["low"], whole["high"]) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert whole["decision"] == "unclear"
    assert f"about {whole['moreRows']} more rows" in whole["text"]
    assert pair["unpaired"] == {"referenceOnly": 0, "comparisonOnly": 0, "effect": 0.0}
    assert {subset: found["n"] for subset, found in pair["subsets"].items()} == {"even": 12, "odd": 12}
    assert all(found["adjustedP"] >= found["pValue"] for found in pair["subsets"].values())
    turned = compared(api, second, first)["pairs"][0]["whole"]
    assert turned["difference"] == -whole["difference"]


def test_rows_stand_beside_each_other_by_outcome(api: Api, sides: tuple[str, str, str]) -> None:
    _, first, second = sides
    query: dict[str, Any] = {"evaluations": f"{first},{second}", "outcome": "reference_fails", "limit": 4}
    found: list[dict[str, Any]] = []
    while True:
        page = api.get("/comparisons/rows", params=query).json()
        found += page["data"]
        if page["nextCursor"] is None:
            break
        assert len(page["data"]) == 4
        query["cursor"] = page["nextCursor"]
    assert [row["rowId"] for row in found] == [f"row-{number}" for number in range(11, 20)]
    assert found[0]["reference"][0]["output"] == "no, first"
    assert found[0]["comparison"][0]["output"] == "yes"
    assert found[0]["comparison"][0]["score"]["value"] == 1.0
    every = {"evaluations": f"{first},{second}", "limit": 200}
    assert [row["number"] for row in api.get("/comparisons/rows", params=every).json()["data"]] == list(range(24))
    named = api.get("/comparisons/rows", params={**every, "search": "QUESTION 7"}).json()
    assert ([row["rowId"] for row in named["data"]], named["nextCursor"]) == (["row-7"], None)


def test_epochs_are_one_score_and_shown_each(api: Api, sides: tuple[str, str, str]) -> None:
    benchmark, first, _ = sides
    twice = [evaluated(api, benchmark, side, epochs=2, reducer="pass^2") for side in ("first", "second")]
    whole = compared(api, *twice)["pairs"][0]["whole"]
    assert whole["outcomes"] == {"bothSucceed": 8, "bothFail": 4, "referenceFails": 9, "comparisonFails": 3}
    rows = api.get("/comparisons/rows", params={"evaluations": ",".join(twice), "outcome": "comparison_fails"}).json()
    assert [(row["number"], [one["epoch"] for one in row["comparison"]]) for row in rows["data"]] == [
        (number, [0, 1]) for number in (8, 9, 10)
    ]
    refused = api.get("/comparisons", params={"evaluations": f"{first},{twice[0]}"})
    assert refused.status_code == 409
    assert {fault["path"] for fault in refused.json()["errors"]} == {"epochs", "reducer"}


def test_what_did_not_measure_the_same_is_refused_with_what_differs(api: Api, sides: tuple[str, str, str]) -> None:
    benchmark, first, _ = sides
    elsewhere = upload(api, [planned(number, (True, True)) for number in range(3)])
    others = {
        evaluated(api, elsewhere, "first"): {"benchmark.contentHash"},
        evaluated(api, benchmark, "first", choice={"count": 5}): {"choice.count"},
        evaluated(api, benchmark, "first", scorers=["contains"]): {"scorer"},
    }
    for other, expected in others.items():
        refused = api.get("/comparisons", params={"evaluations": f"{first},{other}"})
        assert (refused.status_code, refused.json()["code"]) == (409, "not_comparable")
        assert {fault["path"] for fault in refused.json()["errors"]} == expected
    more = evaluated(api, benchmark, "second", scorers=["exact", "contains"])
    assert compared(api, first, more)["pairs"][0]["whole"]["wins"] == 9, "another scorer is no difference by this one"


def test_many_are_judged_together(api: Api, sides: tuple[str, str, str]) -> None:
    benchmark, first, second = sides
    third = evaluated(api, benchmark, "second", name="again")
    alone = compared(api, first, second)["pairs"][0]["whole"]
    many = compared(api, first, second, third)
    assert [pair["comparison"] for pair in many["pairs"]] == [second, third]
    assert [pair["whole"]["adjustedP"] for pair in many["pairs"]] == [pytest.approx(2 * alone["pValue"])] * 2
    assert "rows" not in many["links"]
    suite = api.post("/comparisons/suite", json={"baseline": first, "candidates": [second, third]}).json()
    assert [pair["whole"] for pair in suite["pairs"]] == [pair["whole"] for pair in many["pairs"]]
    pairs = {"pairs": [{"reference": first, "comparison": second}]}
    (only,) = api.post("/comparisons/suite", json=pairs).json()["pairs"]
    assert only["whole"] == alone
    for wrong in ({}, {"baseline": first}, {**pairs, "baseline": first, "candidates": [second]}):
        assert api.post("/comparisons/suite", json=wrong).status_code == 400


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"evaluations": "FIRST"}, 400, "comparison_invalid"),
        ({"evaluations": "FIRST,FIRST"}, 400, "comparison_invalid"),
        ({"evaluations": "FIRST,nobody"}, 404, "evaluation_unknown"),
        ({"evaluations": "FIRST,SECOND", "scorer": "bleu"}, 400, "comparison_invalid"),
        ({"evaluations": "FIRST,SECOND", "level": "95"}, 400, "parameters_invalid"),
    ],
)
def test_wrong_questions_are_refused(
    api: Api, sides: tuple[str, str, str], query: dict[str, str], status: int, code: str
) -> None:
    named = query["evaluations"].replace("FIRST", sides[1]).replace("SECOND", sides[2])
    answer = api.get("/comparisons", params={**query, "evaluations": named})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_another_project_sees_nothing(other: Api, sides: tuple[str, str, str]) -> None:
    answer = other.get("/comparisons", params={"evaluations": f"{sides[1]},{sides[2]}"})
    assert answer.status_code == 404


def test_what_rows_can_show_is_known_before_a_run(api: Api) -> None:
    found = api.get(
        "/statistics/detectable", params={"n": 400, "p": 0.8, "correlation": 0.5, "difference": 0.05}
    ).json()
    assert found["minimumDetectable"] == pytest.approx(2.801585 * 0.4 / 20, rel=1e-5)
    assert found["rowsNeeded"] == 503
    assert api.get("/statistics/detectable", params={"n": 100}).json()["deviation"] == pytest.approx(0.5**0.5)
    refused = api.get("/statistics/detectable", params={"n": 100, "p": 0.5, "deviation": 1})
    assert refused.status_code == 400


def test_pictures_are_svg_that_loads_nothing(api: Api, sides: tuple[str, str, str]) -> None:
    _, first, second = sides
    for path in (
        f"/evaluations/{first}/plot.svg",
        *(
            f"/comparisons/plot.svg?evaluations={first},{second}&show={show}"
            for show in ("accuracy", "difference", "outcomes")
        ),
    ):
        answer = api.get(path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert ElementTree.fromstring(answer.content).tag == "{http://www.w3.org/2000/svg}svg"
    drawn = "".join(ElementTree.fromstring(answer.content).itertext())
    assert all(count in drawn for count in ("8", "4", "9", "3", "37.5%"))


def test_the_sdk_compares(server: Running, sides: tuple[str, str, str], tmp_path: Path) -> None:
    benchmark, first, second = sides
    with Penstock(server.url, ADMIN_KEY) as client:
        found = client.comparisons.compare(first, second)
        (pair,) = found.pairs
        assert (pair.whole.wins, pair.whole.losses, pair.whole.decision) == (9, 3, "unclear")
        assert pair.whole.outcomes.reference_fails == 9
        assert pair.benchmark.key == benchmark
        rows = list(client.comparisons.rows(first, second, outcome="comparison_fails"))
        assert [row.row_id for row in rows] == ["row-8", "row-9", "row-10"]
        assert [row.comparison[0].output for row in rows] == ["no, second"] * 3
        assert client.comparisons.suite([(first, second), (second, first)]).pairs[0].whole.adjusted_p == pytest.approx(
            2 * (pair.whole.p_value or 0)
        )
        assert client.comparisons.detectable(1319, discordance=0.2).minimum_detectable == pytest.approx(
            0.0345, abs=1e-4
        )
        assert client.comparisons.save_plot(tmp_path / "a.svg", first) == (tmp_path / "a.svg").stat().st_size
        shorter = evaluated(Api(server.url), benchmark, "first", choice={"count": 5})
        with pytest.raises(ConflictError, match=r"choice\.count"):
            client.comparisons.compare(first, shorter)


def test_the_command_line_compares(server: Running, sides: tuple[str, str, str], tmp_path: Path) -> None:
    _, first, second = sides

    def run(*words: str) -> str:
        told = CliRunner(env={"PENSTOCK_API_KEY": ADMIN_KEY}).invoke(cli, ["eval", *words, "--url", server.url])
        assert told.exit_code == 0, told.output
        return told.output

    shown = run("compare", first, second)
    assert "+0.2500" in shown
    assert "Cannot tell yet" in shown
    assert json.loads(run("compare", first, second, "--json"))["pairs"][0]["whole"]["wins"] == 9
    rows = run("compare", first, second, "--rows", "reference_fails", "--limit", "2")
    assert "row-11" in rows
    assert "row-13" not in rows
    assert "question 3" in run("compare", first, second, "--search", "question 3")
    run("plot", first, second, "-o", str(tmp_path / "b.svg"), "--show", "outcomes")
    assert (tmp_path / "b.svg").read_text().startswith("<svg")
    assert "400 rows show a difference of 0.0991" in run("power", "400", "--difference", "0.05")
    wrong = CliRunner().invoke(cli, ["eval", "compare", first, "--url", server.url])
    assert wrong.exit_code == 2
