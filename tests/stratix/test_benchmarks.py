"""Benchmarks, their rows, and files at signed addresses."""

from __future__ import annotations

import os
from pathlib import Path

import httpx2
import pytest

from . import shapes
from .client import Client, Refused
from .conftest import ROWS, Server, written


def test_custom_and_public_benchmarks(client: Client, benchmark: str) -> None:
    own = client.benchmark(benchmark)
    assert isinstance(own, shapes.CustomBenchmark)
    assert (own.name, own.prompt_count, own.version_count) == ("Echoes", len(ROWS), 1)
    assert own.metrics == ["exact", "readability"]
    assert benchmark in [one.id for one in client.benchmarks("custom")]
    public = client.benchmarks("public")
    assert all(isinstance(one, shapes.PublicBenchmark) and one.full_description for one in public)
    assert [one.id for one in client.benchmarks("public", key=public[0].key)] == [public[0].id]
    assert [one.id for one in client.benchmarks("custom", name=benchmark)] == [benchmark]
    assert client.benchmarks("public", languages="klingon") == []


def test_prompts_are_paged_searched_and_sorted(client: Client, benchmark: str) -> None:
    whole = client.prompts(benchmark)
    assert (whole.count, len(whole.prompts)) == (10, 10)
    second = client.prompts(benchmark, page=2, page_size=4)
    assert second.prompts == whole.prompts[4:8]
    assert second.count == 10
    found = client.prompts(benchmark, search="truth", search_value="another", sort_by="truth", sort_order="desc")
    assert [one.truth for one in found.prompts] == ["another 3", "another 2", "another 1", "another 0"]
    assert found.count == 4


def test_the_catalog_lists_benchmarks_and_wraps_their_prompts(client: Client, benchmark: str) -> None:
    page = shapes.BenchmarkDetails.model_validate(client.get("/datasets", page_size=3))
    assert page.count == len(page.datasets) == 3 < page.total_count
    mine = shapes.BenchmarkDetails.model_validate(client.get("/datasets", ids=benchmark))
    assert [(one.id, one.is_public) for one in mine.datasets] == [(benchmark, False)]
    body = client.get(f"/datasets/{benchmark}/prompts", page=1, page_size=2)
    assert body["status"]
    assert shapes.Prompts.model_validate(body["data"]).count == 10


def test_conversations_stay_conversations(client: Client, tmp_path: Path) -> None:
    rows = written(tmp_path, [{"input": [{"role": "user", "content": "Hello"}], "truth": "Hello"}])
    made = client.create_benchmark("Conversations", rows, input_type="messages")
    assert client.prompts(made.benchmark_id).prompts[0].input == [{"role": "user", "content": "Hello"}]


def test_a_file_is_taken_at_its_signed_address_alone(client: Client, tmp_path: Path) -> None:
    body = {"key": "Any", "filename": "ü b.jsonl", "type": "application/jsonl", "size": 5}
    url = client.unwrapped(client.post(f"{client.p}/upload", body))["url"]
    assert url.startswith(client.base)
    for wrong in (url[:-1] + ("0" if url[-1] != "0" else "1"), url.replace("expires=", "expires=9"), url.split("?")[0]):
        refused = httpx2.put(wrong, content=b"x")
        assert refused.status_code == 403
        shapes.Refused.model_validate(refused.json()["error"])
    first, second = (httpx2.put(url, content=content) for content in (b"first", b"second"))
    assert first.status_code == second.status_code == 200
    assert second.json()


def test_more_addresses_than_files_may_wait_take_no_more_files(other: Client, server: Server) -> None:
    names = [f"{number}.jsonl" for number in range(101)]
    bodies = [{"key": "Any", "filename": name, "size": 1} for name in names]
    urls = [other.unwrapped(other.post(f"{other.p}/upload", body))["url"] for body in bodies]
    with httpx2.Client() as sender:
        answers = [sender.put(url, content=b"x").status_code for url in urls]
        assert answers == [200] * 100 + [429]
        assert sender.put(urls[0], content=b"y").status_code == 200, "one in the place of another is no more"
    for old in server.process.data_dir.glob(f"uploads/held/{other.project_id}/*"):
        os.utime(old, (0, 0))
    body = {"name": "Late", "description": "", "file": names[0]}
    with pytest.raises(Refused) as caught:
        other.post(f"{other.p}/custom-benchmarks", body)
    assert caught.value.code == "upload_not_found"
    assert not list(server.process.data_dir.glob(f"uploads/held/{other.project_id}/*"))


def test_a_smart_benchmark_is_drafted_from_documents(client: Client, server: Server, tmp_path: Path) -> None:
    paths = [tmp_path / "first.txt", tmp_path / "second.html"]
    for path in paths:
        path.write_text("<p>The pump was built in 1913. It lifts nine litres a second.</p>")
        client.upload("Pumps", path, "text/plain")
    body = {"name": "Pumps", "description": "", "system_prompt": "Ask about years.", "files": [p.name for p in paths]}
    made = shapes.BenchmarkHandle.model_validate(client.unwrapped(client.post(f"{client.p}/smart-benchmarks", body)))
    own = client.benchmark(made.benchmark_id)
    assert isinstance(own, shapes.CustomBenchmark)
    assert own.files == ["first.txt", "second.html"]
    assert server.own.get(f"/benchmarks/{made.benchmark_id}").json()["kind"] == "smart"
    with pytest.raises(Refused) as caught:
        client.post(f"{client.p}/smart-benchmarks", {**body, "name": "Others"})
    assert caught.value.code == "upload_not_found"


def test_what_cannot_become_a_benchmark_is_refused(client: Client, tmp_path: Path) -> None:
    def refused(name: str, path: Path, **more: object) -> Refused:
        with pytest.raises(Refused) as caught:
            client.create_benchmark(name, path, **more)
        return caught.value

    good = written(tmp_path, [{"input": "a", "truth": "b"}], "good.jsonl")
    twice = written(tmp_path, [{"id": "1", "input": "a", "truth": "b"}] * 2, "twice.jsonl")
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG")
    assert refused("Twice", twice).status == 400
    assert refused("Picture", picture).code == "format_unknown"
    assert refused("x" * 65, good).status == 400
    assert refused("Scored", good, custom_scorers=["f" * 24]).status == 404
    client.create_benchmark("Once", good)
    assert refused("Once", good).status == 409
    with pytest.raises(Refused) as caught:
        client.post(f"{client.p}/custom-benchmarks", {"name": "Unsent", "description": "", "file": "unsent.jsonl"})
    assert caught.value.code == "upload_not_found"
    with pytest.raises(Refused) as caught:
        client.post(f"{client.p}/upload", {"key": "Big", "filename": "big.jsonl", "size": 50 * 1024 * 1024 + 1})
    assert caught.value.status == 413
    for name in ("..", "a/..", "\x00"):
        with pytest.raises(Refused) as caught:
            client.post(f"{client.p}/upload", {"key": "Big", "filename": name, "size": 1})
        assert caught.value.status == 400
