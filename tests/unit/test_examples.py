"""Every example works, and every snippet of the documentation runs."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.executions.model import RetryRequest, Status
from penstock.flows.definition import parse_document
from penstock.flows.document_text import read_document
from penstock.flows.graph import compile_graph
from penstock.flows.nodes.dataset_source import DatasetSourceSettings
from penstock.storage.executions import loads
from penstock.testing.engine import TestEngine, open_engine
from penstock.testing.site import serve_site

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
KEY = "a-key-for-the-snippets-of-the-docs"


def example(name: str) -> str:
    return (EXAMPLES / name).read_text(encoding="utf-8")


def snippets(language: str) -> list[Any]:
    found = []
    for page in PAGES:
        blocks = re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        found += [pytest.param(text, id=f"{page.name}-{number}") for number, text in enumerate(blocks, 1)]
    return found


# Examples


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestEngine]:
    monkeypatch.setenv("PENSTOCK_DEFAULT_MODEL", "scripted/any")
    async with open_engine(tmp_path, allowed_networks=("127.0.0.0/8",)) as opened:
        yield opened


async def load(engine: TestEngine, name: str) -> int:
    path = EXAMPLES / f"{name}.csv"
    return (await engine.engine.datasets.import_file(engine.tenant, name, path, "csv")).rows


async def test_one_review_fails_for_its_length_and_succeeds_with_a_flow_that_takes_it(engine: TestEngine) -> None:
    rows = await load(engine, "reviews")
    assert rows >= 60
    flow = await engine.save(example("review_triage.yaml"))
    execution = await engine.run_saved(flow, rows=DatasetSourceSettings(dataset="reviews"))
    assert execution.status == Status.COMPLETED
    failed = [loads(row["error"]) for row in await engine.rows(execution) if row["status"] == "failed"]
    assert [error["code"] for error in failed] == ["invalid_input"]
    assert failed[0]["message"].endswith("is longer than 600 characters")
    mended = example("review_triage.yaml").replace("maxLength: 600", "maxLength: 4000")
    await engine.engine.library.update(engine.tenant, flow, mended)
    await engine.engine.executions.retry(engine.tenant, execution.id, RetryRequest(version=2))
    execution = await engine.engine.executions.wait(engine.tenant, execution.id, 30)
    assert {row["status"] for row in await engine.rows(execution)} == {"succeeded"}


async def test_the_digest_has_an_entry_for_each_page_of_the_crawl(engine: TestEngine) -> None:
    async with serve_site() as site:
        execution = await engine.run(example("site_digest.yaml"), [{"start": f"{site}/"}])
    assert execution.status == Status.COMPLETED, execution.error
    digest = loads((await engine.rows(execution))[0]["output"])
    assert digest["found"] == len(digest["pages"]) == 6
    assert digest["pages"][1]["title"] == "Crossings"


async def test_contacts_with_a_company_ask_the_model_and_a_second_run_adds_no_row(engine: TestEngine) -> None:
    rows = await load(engine, "contacts")
    flow = await engine.save(example("enrich_contacts.yaml"))
    for _ in range(2):
        execution = await engine.run_saved(flow)
        assert execution.status == Status.COMPLETED, execution.error
    with (EXAMPLES / "contacts.csv").open(newline="", encoding="utf-8") as file:
        with_company = sum(1 for row in csv.DictReader(file) if row["company"])
    assert execution.summary is not None
    assert execution.summary["usage"]["modelCalls"] == with_company  # type: ignore[index,call-overload]
    kept = await engine.engine.datasets.get(engine.tenant, "enriched-contacts")
    assert kept.row_count == rows


def test_each_example_says_how_to_run_it() -> None:
    for file in EXAMPLES.glob("*.yaml"):
        assert f"penstock run examples/{file.name}" in file.read_text(encoding="utf-8"), file.name


# Snippets


@pytest.mark.parametrize("text", snippets("yaml"))
def test_a_flow_in_the_documentation_is_valid(text: str) -> None:
    value, lines = read_document(text)
    assert compile_graph(parse_document(value, lines), lines).order


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server with the example flow and its rows on it; yields the environment of somebody who uses it."""
    folder = tmp_path_factory.mktemp("docs")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PENSTOCK_")}
    environment |= {"PENSTOCK_API_KEY": KEY, "PENSTOCK_DEFAULT_MODEL": "scripted/any"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    up = [sys.executable, "-m", "penstock", "up", "--port", "0", "--data", str(folder)]
    with subprocess.Popen(up, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if " is listening on " in line)
            environment["PENSTOCK_URL"] = line.split()[-1]
            for words in (("flows", "push", "review_triage.yaml"), ("datasets", "import", "reviews.csv")):
                command = [sys.executable, "-m", "penstock", *words[:2], str(EXAMPLES / words[2])]
                subprocess.run(command, env=environment, check=True, capture_output=True)
            yield environment
        finally:
            process.terminate()


@pytest.mark.parametrize("text", snippets("python"))
def test_a_python_snippet_runs(text: str, server: dict[str, str], tmp_path: Path) -> None:
    code, output = run([sys.executable, "-c", text], server, tmp_path)
    assert code == 0, output


@pytest.mark.skipif(
    shutil.which("curl") is None and "CI" not in os.environ, reason="the tour uses curl, which this machine has not"
)
def test_the_tour_of_the_readme_runs_as_it_is_written(server: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(EXAMPLES)
    for step in (step for step in snippets("sh") if str(step.id).startswith("README")):
        text = str(step.values[0])
        code, output = run(["bash", "-e", "-c", text], server, tmp_path)
        some_items_fail = "--dataset" in text
        assert code == (3 if some_items_fail else 0), output
        assert "urn:penstock:problem" not in output


def run(command: list[str], environment: dict[str, str], folder: Path) -> tuple[int, str]:
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
