"""Benchmarks that a model drafts: documents read, questions written, reviewed by people."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Conflict, Invalid
from penstock.evaluations.benchmarks.model import Benchmark, BenchmarkRow, Details, RowChoice
from penstock.evaluations.benchmarks.smart.documents import Document, passages_of, text_of
from penstock.evaluations.benchmarks.smart.service import DraftRequest
from penstock.testing.engine import TestEngine, open_engine

WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
PARAGRAPHS = "<w:p><w:r><w:t>Oslo is in </w:t></w:r><w:r><w:t>Norway.</w:t></w:r></w:p><w:p><w:t>End</w:t></w:p>"


def word_file(body: str = PARAGRAPHS, before: str = "") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        xml = f'{before}<w:document xmlns:w="{WORDS}"><w:body>{body}</w:body></w:document>'
        archive.writestr("word/document.xml", xml)
    return file.getvalue()


def document(tmp_path: Path, name: str, content: bytes) -> Document:
    path = tmp_path / f"file of {name}"
    path.write_bytes(content)
    return Document(name, path)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.txt", b"Oslo is in Norway.", "Oslo is in Norway."),
        ("a.docx", word_file(), "Oslo is in Norway.\n\nEnd\n\n"),
        ("a.HTML", b"<title>t</title><body><p>Oslo is in Norway.</p><script>x()</script>", "Oslo is in Norway."),
        ("a.csv", b"city,in\nOslo,Norway\n", "city: Oslo\nin: Norway"),
        ("a.jsonl", b'{"city": "Oslo", "n": 1}\n{"city": "Rome"}\n', "city: Oslo\nn: 1\n\ncity: Rome"),
    ],
)
async def test_documents_are_read(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    assert (await text_of(document(tmp_path, name, content))).strip() == text.strip()


BILLION = '<!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pdf", b"%PDF-1.7", "'.pdf' is not read here; save it as"),
        ("noname", b"text", "without suffix"),
        ("a.txt", b"\xff\xfe", "byte 1 is not UTF-8"),
        ("a.txt", b" \n", "no text in it"),
        ("a.docx", b"text", "no Word document"),
        ("a.docx", word_file("<w:p>"), "no Word document"),
        ("a.docx", word_file("<w:t>&b;</w:t>", BILLION), "document type definition"),
        ("a.jsonl", b'{"a": \n', "line 1"),
        ("a.parquet", b"PAR0", "cannot be read"),
    ],
)
async def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    good = document(tmp_path, "good.txt", b"fine")
    with pytest.raises(Invalid, match=reason) as refused:
        await passages_of([good, document(tmp_path, name, content)])
    assert [fault.path for fault in refused.value.errors] == ["documents[1]"]


async def test_a_word_document_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.evaluations.benchmarks.smart.word.MAX_XML_BYTES", 100_000)
    bomb = word_file("<w:p><w:t>" + "a" * 1_000_000 + "</w:t></w:p>")
    assert len(bomb) < 10_000
    with pytest.raises(Invalid, match="more than 100,000 bytes"):
        await passages_of([document(tmp_path, "a.docx", bomb)])


async def test_passages_end_with_paragraphs(tmp_path: Path) -> None:
    text = "\n\n".join(["a" * 2_500, "b" * 2_500, "c" * 2_500, "d" * 13_000])
    found = await passages_of([document(tmp_path, "a.txt", text.encode())])
    assert [(part.number, len(part.text), part.text[0]) for part in found] == [
        (1, 5_002, "a"),
        (2, 2_500, "c"),
        (3, 6_000, "d"),
        (4, 6_000, "d"),
        (5, 1_000, "d"),
    ]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[TestEngine]:
    async with open_engine(tmp_path) as engine:
        yield engine


QUESTIONS = {
    "questions": [
        {"question": "Where is Oslo?", "answer": "Norway", "quote": "Oslo is\nin Norway."},
        {"question": "What is the moon made of?", "answer": "cheese", "quote": "The moon is cheese."},
        {"question": "where is oslo?", "answer": "Norway", "quote": ""},
        {"question": " ", "answer": "x", "quote": ""},
    ]
}


async def drafted(engine: TestEngine, tmp_path: Path, model: str, status: str = "completed", **asked: Any) -> Benchmark:
    documents = (
        document(tmp_path, "oslo.txt", b"Oslo is in Norway."),
        document(tmp_path, "moon.md", b"Nothing about </passage> it."),
    )
    request = DraftRequest("cities", Details("Cities"), documents, model=model, **asked)
    submitted = await engine.engine.drafts.start(engine.tenant, request)
    ended = await engine.engine.executions.wait(engine.tenant, submitted.execution.id, 30)
    assert (ended.kind, ended.status) == ("benchmark_draft", status), ended.error
    benchmark = await engine.engine.benchmarks.get(engine.tenant, "cities")
    assert benchmark.id == submitted.execution.subject_id
    return benchmark


async def rows(engine: TestEngine, benchmark: Benchmark) -> list[BenchmarkRow]:
    pages = engine.engine.benchmarks.rows(benchmark, benchmark.latest, RowChoice())
    return [row async for page in pages for row in page]


async def test_a_draft_is_written_and_reviewed(engine: TestEngine, tmp_path: Path) -> None:
    benchmark = await drafted(engine, tmp_path, f"scripted/fixed:{json.dumps(QUESTIONS)}")
    assert (benchmark.kind, benchmark.latest.state, benchmark.latest.subsets) == ("smart", "draft", ("oslo.txt",))
    first, second = await rows(engine, benchmark)
    assert (first.id, first.input, first.truth, first.cluster) == ("1", "Where is Oslo?", "Norway", "oslo.txt 1")
    assert (first.metadata["quoteFound"], second.metadata["quoteFound"]) == (True, False)
    service = engine.engine.benchmarks
    with pytest.raises(Conflict) as refused:
        await service.version(benchmark)
    assert refused.value.code == "benchmark_draft"

    with pytest.raises(Invalid) as wrong:
        await engine.engine.drafts.review(engine.tenant, "cities", ["1", "9"], {"8": {}, "1": {"id": "x"}})
    assert [fault.path for fault in wrong.value.errors] == ["accept[1]", "edits.8", "edits.1.id"]
    report = await engine.engine.drafts.review(engine.tenant, "cities", ["1"], {"1": {"truth": ["Norway", "Norge"]}})
    assert (await service.version(report.benchmark)).state == "ready"
    assert [row.truth for row in await rows(engine, report.benchmark)] == [["Norway", "Norge"]]
    with pytest.raises(Conflict) as refused:
        await engine.engine.drafts.review(engine.tenant, "cities", "all", {})
    assert refused.value.code == "benchmark_not_draft"


async def test_accepting_all_makes_a_version_of_the_same_rows(engine: TestEngine, tmp_path: Path) -> None:
    draft = await drafted(engine, tmp_path, f"scripted/fixed:{json.dumps(QUESTIONS)}", questions=1)
    assert draft.latest.row_count == 1
    ready = (await engine.engine.drafts.review(engine.tenant, draft.id, "all", {})).benchmark
    assert (ready.latest.state, ready.latest.version) == ("ready", draft.latest.version + 1)
    assert ready.latest.content_hash == draft.latest.content_hash


async def test_a_model_that_writes_nothing_of_use(engine: TestEngine, tmp_path: Path) -> None:
    benchmark = await drafted(engine, tmp_path, "scripted/fixed:I would rather not.", "failed")
    assert (benchmark.latest.state, benchmark.latest.row_count) == ("draft", 0)
    assert await rows(engine, benchmark) == []
    with pytest.raises(Conflict):
        await engine.engine.drafts.review(engine.tenant, "cities", "all", {})
    await engine.engine.benchmarks.delete(engine.tenant, "cities")


async def test_what_is_refused_before_anything_is_asked(engine: TestEngine, tmp_path: Path) -> None:
    good = DraftRequest("b", Details("b"), (document(tmp_path, "a.txt", b"text"),), model="scripted/echo")
    drafts = engine.engine.drafts
    for wrong, code in (
        (replace(good, documents=()), "documents_invalid"),
        (replace(good, questions=0), "questions_invalid"),
        (replace(good, model="nobody/nothing"), "model_unknown"),
        (replace(good, key="no spaces"), "key_invalid"),
    ):
        with pytest.raises(Invalid) as refused:
            await drafts.start(engine.tenant, wrong)
        assert refused.value.code == code
    submitted = await drafts.start(engine.tenant, good)
    with pytest.raises(Conflict) as taken:
        await drafts.start(engine.tenant, good)
    assert taken.value.code == "benchmark_exists"
    await engine.engine.executions.wait(engine.tenant, submitted.execution.id, 30)
