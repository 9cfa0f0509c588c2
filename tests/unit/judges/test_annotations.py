"""Labels by people, what to label next, and a judge beside people: a real engine, a judge scripted over HTTP."""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Invalid, NotFound
from penstock.evaluations.scorers.menus import Labels, Scale
from penstock.judges.annotation_files import AnnotationFiles, Defaults
from penstock.judges.annotations import NewAnnotation
from penstock.judges.definition import BLANK, JudgeChange, changed
from penstock.judges.labelling import ordered
from penstock.judges.labels import classes, free_label, judged_label
from penstock.judges.requests import JudgeRef, TraceEvaluationRequest
from penstock.storage.annotations import Annotation, AnnotationFilter, JudgedTrace
from penstock.testing.engine import TestEngine, open_engine
from penstock.testing.model_server import ModelServer
from penstock.traces.model import ReceivedSpan, Span
from penstock.types import Tenant


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer.start() as server:
        yield server


@pytest.fixture
async def engine(tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestEngine]:
    server.script([])
    server.reset()
    monkeypatch.setenv("PENSTOCK_SCRIPTED_URL", server.url)
    async with open_engine(tmp_path) as engine:
        await engine.engine.judges.create(
            engine.tenant, JudgeChange(name="kind", goal="Is it kind?", model="scripted/judge")
        )
        yield engine


async def send(engine: TestEngine, *outputs: str) -> tuple[str, ...]:
    """One trace `trace-N` of one span for each output; their ids."""
    spans = [
        ReceivedSpan(f"trace-{n}", Span(span_id="s", name=f"run {n}", kind="llm", started_ns=n + 1, output=output))
        for n, output in enumerate(outputs)
    ]
    return (await engine.engine.ingestion.accept(engine.tenant, spans, source="sdk")).trace_ids


async def judge(engine: TestEngine, server: ModelServer, traces: tuple[str, ...], **passing: str) -> None:
    """Have `kind` judge the traces: what contains one of the texts passes."""
    script: list[dict[str, Any]] = [
        {"contains": text, "json": {"reasoning": "", "answer": answer}} for text, answer in passing.items()
    ]
    server.script(script)
    request = TraceEvaluationRequest((JudgeRef("kind"),), traces=traces)
    started = await engine.engine.trace_evaluations.start(engine.tenant, request)
    ended = await engine.engine.executions.wait(engine.tenant, started.submitted.execution.id, 60)
    assert ended.status == "completed"


async def say(engine: TestEngine, trace: str, label: Any, author: str = "ann", **more: Any) -> Annotation:
    said = NewAnnotation(label, author, trace=trace, **{"judge": "kind", **more})
    return (await engine.engine.annotations.add(engine.tenant, said, "key"))[0]


async def test_a_label_is_kept_once_for_each_author_with_what_was_said_before(engine: TestEngine) -> None:
    (trace,) = await send(engine, "hello")
    first = await say(engine, "trace-0", True, rationale="warm")
    assert (first.answer, first.score, first.passed, first.subject.trace_id) == ("yes", 1.0, True, trace)
    again = await say(engine, trace, "Pass", rationale="warm")
    assert (again.id, again.revision) == (first.id, 1)
    changed_ = await say(engine, trace, "no", rationale="cold after all")
    other = await say(engine, trace, "fail", "bob", weight=2)
    span = await say(engine, trace, "fail", span="s")
    own = await say(engine, trace, 4, judge=None, criterion="length")
    assert (changed_.id, changed_.revision, changed_.passed) == (first.id, 2, False)
    assert len({first.id, other.id, span.id, own.id}) == 4
    (before,) = await engine.engine.annotations.history(changed_)
    assert (before.answer, before.rationale, before.changed_by) == ("yes", "warm", "key")

    async def listed(**wanted: Any) -> list[str]:
        found = await engine.engine.annotations.page(engine.tenant, AnnotationFilter(**wanted))
        return [one.id for one in found]

    assert await listed() == [own.id, span.id, other.id, first.id]
    assert await listed(author="bob") == [other.id]
    assert await listed(criterion="length", trace_id=trace) == [own.id]
    assert await engine.engine.annotations.page(Tenant("o", "p"), AnnotationFilter()) == []
    with pytest.raises(NotFound):
        await engine.engine.annotations.delete(Tenant("o", "p"), first.id)
    await engine.engine.annotations.delete(engine.tenant, first.id)
    with pytest.raises(NotFound):
        await engine.engine.annotations.get(engine.tenant, first.id)
    assert await engine.engine.annotations.history(changed_) == []


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"judge": None}, "judge"),
        ({"criterion": "two"}, "judge"),
        ({"label": "maybe"}, "label"),
        ({"label": None}, "label"),
        ({"label": 10**400, "judge": None, "criterion": "length"}, "label"),
        ({"label": float("nan"), "judge": None, "criterion": "length"}, "label"),
        ({"author": " ann"}, "author"),
        ({"weight": float("nan")}, "weight"),
        ({"weight": 0}, "weight"),
        ({"trace": None}, "trace"),
        ({"evaluation": "e"}, "trace"),
        ({"trace": None, "evaluation": "e"}, "row"),
        ({"rationale": "x" * 20_001}, "rationale"),
        ({"judge": None, "criterion": "a\nb"}, "criterion"),
    ],
)
async def test_what_is_wrong_is_named(engine: TestEngine, more: dict[str, Any], path: str) -> None:
    await send(engine, "hello")
    said = NewAnnotation(**{"label": "pass", "author": "ann", "judge": "kind", "trace": "trace-0", **more})
    with pytest.raises(Invalid) as refused:
        await engine.engine.annotations.add(engine.tenant, said)
    assert path in [fault.path for fault in refused.value.errors]


async def test_what_is_not_there_is_not_found(engine: TestEngine) -> None:
    await send(engine, "hello")
    for more in ({"trace": "none"}, {"judge": "none"}, {"span": "none"}, {"trace": None, "evaluation": "e", "row": 0}):
        said = NewAnnotation(**{"label": "pass", "author": "ann", "judge": "kind", "trace": "trace-0", **more})
        with pytest.raises(NotFound):
            await engine.engine.annotations.add(engine.tenant, said)


def test_labels_are_read_by_the_menu() -> None:
    scale = changed(BLANK, JudgeChange(name="s", goal="g", output="scale"))
    read = judged_label("4", scale)
    assert (read.answer, read.score, read.passed) == (4, 0.75, True)
    assert judged_label(4.0, scale) == read
    plain = judged_label("FAIL", scale)
    assert (plain.answer, plain.score, plain.passed) == ("fail", None, False)
    for wrong in (6, 2.5, "four", None, [4], float("inf")):
        with pytest.raises(Invalid, match="from 1"):
            judged_label(wrong, scale)
    words = changed(BLANK, JudgeChange(name="w", goal="g", output={"type": "labels", "labels": {"ok": 1, "fail": 0.7}}))
    assert judged_label("fail", words).passed is True  # The menu's own word goes first.
    assert (free_label(3).answer, free_label(0.5).score, free_label("  so so ").answer) == (3, 0.5, "so so")
    assert (free_label("4").answer, free_label("007").answer) == (4, "007")
    assert classes(Scale(min=2, max=4)) == ("2", "3", "4")
    assert classes(Labels(labels={"b": 1, "a": 0})) == ("b", "a")


async def test_a_judge_is_compared_with_each_and_with_all(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, *(f"good {n}" for n in range(6)), *(f"bad {n}" for n in range(6)), "unjudged")
    await judge(engine, server, traces[:12], good="yes", bad="no")
    await say(engine, traces[0], "fail", span="s")  # Of a span: no word about the whole.
    for place, trace in enumerate(traces[:12]):
        await say(engine, trace, "pass" if place < 5 else "fail")
        if place < 8:
            await say(engine, trace, "pass" if place < 6 else "fail", "bob")
    await say(engine, traces[12], "pass")
    found = await engine.engine.annotations.agreement(engine.tenant, "kind")
    ann, bob = found.authors
    assert (found.judged, found.labelled, found.complete) == (12, 13, True)
    assert (ann.author, ann.labels, ann.missing) == ("ann", 13, {"notJudged": 1})
    assert ann.passes.confusion == ((5, 0), (1, 6))
    assert bob.passes.confusion == ((6, 0), (0, 2))
    assert found.everybody.passes.confusion == ((5, 0), (0, 6))  # Of trace 5 they say both: a tie.
    assert found.everybody.missing == {"notJudged": 1, "undecided": 1}
    assert (found.people.passes.n, found.people.authors, found.everybody.answers) == (8, 2, None)
    assert found.people.passes.value == pytest.approx(1 - (2 / 16) / (2 * 11 * 5 / (16 * 15)))
    await say(engine, traces[5], "pass", "bob", weight=2)
    found = await engine.engine.annotations.agreement(engine.tenant, "kind")
    assert found.everybody.passes.confusion == ((6, 0), (0, 6))
    await engine.engine.judges.update(engine.tenant, "kind", JudgeChange(output="scale"))
    scaled = await engine.engine.annotations.agreement(engine.tenant, "kind")
    assert (scaled.version.version, scaled.judged, scaled.everybody.passes.n) == (2, 0, 0)
    first = await engine.engine.annotations.agreement(engine.tenant, "kind", 1)
    assert first.everybody.passes == found.everybody.passes
    with pytest.raises(NotFound):
        await engine.engine.annotations.agreement(engine.tenant, "kind", 3)


async def test_the_queue_begins_where_a_label_tells_most(engine: TestEngine, server: ModelServer) -> None:
    traces = await send(engine, "good 0", "good 1", "wavering", "bad", "unjudged")
    await judge(engine, server, traces[:4], good="yes", bad="no", wavering="yes")
    await judge(engine, server, traces[2:3], wavering="no")
    await say(engine, traces[3], "pass", "bob")
    await say(engine, traces[0], "pass", "ann")
    queue = await engine.engine.annotations.queue(engine.tenant, "kind", "ann")
    assert [(one.trace_id, one.reason) for one in queue.candidates] == [
        (traces[3], "disagrees_with_people"),
        (traces[2], "verdicts_differ"),
        (traces[1], "sample"),
        (traces[4], "not_judged"),
    ]
    await say(engine, traces[4], "pass")
    (first,) = (await engine.engine.annotations.queue(engine.tenant, "kind", "ann", 1)).candidates
    assert (first.trace_id, first.labels) == (traces[3], 1)
    assert len((await engine.engine.annotations.queue(engine.tenant, "kind", "ann")).candidates) == 3
    with pytest.raises(NotFound):
        await engine.engine.annotations.queue(engine.tenant, "none", "ann")


def test_every_fifth_place_is_a_random_one() -> None:
    def judged(trace: str, score: float) -> JudgedTrace:
        return JudgedTrace(trace, trace, 1, 1, score, score, True, 0, 0, 0)

    near = [judged(f"near {n}", 0.5 + n / 100) for n in range(8)]
    far = [judged(f"far {n}", 1.0) for n in range(8)]
    chosen = ordered([*far, *near], 0.5, "seed", 10)
    assert [one.reason == "sample" for one in chosen] == [False] * 4 + [True] + [False] * 4 + [True]
    assert [one.trace_id for one in chosen[:4]] == ["near 0", "near 1", "near 2", "near 3"]
    others = [[one.trace_id for one in ordered(far, 0.5, seed, 8)] for seed in ("a", "b")]
    assert others[0] != others[1]


@pytest.mark.parametrize("rationale", ["=1+1", "'=1+1", "@SUM(A1)", "- no thanks", "it's = fine", "'quoted'"])
async def test_no_text_of_a_csv_file_is_a_formula(engine: TestEngine, tmp_path: Path, rationale: str) -> None:
    await send(engine, "a")
    files = AnnotationFiles(engine.engine.annotations, engine.tenant)
    await say(engine, "trace-0", "-0.5", judge=None, criterion="+tone", rationale=rationale)
    copy = tmp_path / "copy.csv"
    copy.write_bytes(b"".join([piece async for piece in files.export(AnnotationFilter(), "csv")]))
    with copy.open(newline="") as file:
        (line,) = csv.DictReader(file)
    assert not line["rationale"].startswith(("=", "+", "-", "@"))
    assert (line["criterion"], line["label"]) == ("'+tone", "-0.5")
    again = await files.load(copy, "csv", Defaults("nobody"))
    assert (again.added, again.changed, again.unchanged) == (0, 0, 1)


async def test_files_go_round_and_name_their_bad_lines(engine: TestEngine, tmp_path: Path) -> None:
    await send(engine, "a", "b", "c")
    files = AnnotationFiles(engine.engine.annotations, engine.tenant)
    source = tmp_path / "labels.jsonl"
    lines = ['{"trace": "trace-0", "label": "pass"}', "{", '{"trace": "none", "label": "pass"}', '{"trace": "trace-1"}']
    lines += [
        '{"trace": "trace-1", "label": "maybe"}',
        '{"trace": "trace-2", "label": 4, "criterion": "x", "author": "7"}',
    ]
    source.write_text("\n".join(lines))
    defaults = Defaults("ann", judge="kind")
    with pytest.raises(Invalid) as refused:
        await files.load(source, "jsonl", defaults)
    assert [fault.line for fault in refused.value.errors] == [2, 3, 4, 5]
    assert await engine.engine.annotations.page(engine.tenant, AnnotationFilter()) == []
    report = await files.load(source, "jsonl", defaults, "skip")
    assert (report.added, report.changed, report.unchanged, report.error_count) == (2, 0, 0, 4)
    await say(engine, "trace-1", "fail", rationale='a "quoted", line\nand another', weight=0.5)
    before = await engine.engine.annotations.page(engine.tenant, AnnotationFilter())
    for kind in ("csv", "jsonl", "json", "parquet"):
        copy = tmp_path / f"copy.{kind}"
        copy.write_bytes(b"".join([piece async for piece in files.export(AnnotationFilter(), kind)]))
        again = await files.load(copy, kind, Defaults("nobody"))
        assert (again.added, again.changed, again.unchanged) == (0, 0, 3), kind
    assert await engine.engine.annotations.page(engine.tenant, AnnotationFilter()) == before
    source.write_text("trace,label,surprise\ntrace-0,fail,1\n")
    with pytest.raises(Invalid, match="surprise"):
        await files.load(source, "csv", defaults)
    source.write_text("trace,label\ntrace-0,fail\n")
    assert (await files.load(source, "csv", defaults)).changed == 1
