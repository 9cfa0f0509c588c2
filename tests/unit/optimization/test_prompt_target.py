"""A saved prompt as what is optimized: its texts, its examples, what a call of it is worth, what applying does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Conflict, Invalid, NotFound, StepError
from penstock.executions.item import Attempt
from penstock.optimization.model import Example, PromptSubject
from penstock.optimization.prompt_target import PromptTarget, PromptTargets
from penstock.optimization.prompt_text import kept, parts, placeholders, with_part
from penstock.optimization.targets import Classes
from penstock.testing.engine import TestEngine, open_engine
from penstock.testing.model_server import ModelServer

SYSTEM = "Sort the message about {{ product }}: billing or delivery."
DOCUMENT = {"system": SYSTEM, "prompt": "{{ text }}", "model": "scripted/sorter"}
ROWS: list[dict[str, Any]] = [
    {"id": f"r{n}", "product": "lamps", "text": f"message {n}", "kind": "billing" if n % 2 else "delivery"}
    for n in range(12)
]


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer.start() as server:
        yield server


@pytest.fixture
async def engine(tmp_path: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestEngine]:
    server.script([])
    monkeypatch.setenv("PENSTOCK_SCRIPTED_URL", server.url)
    async with open_engine(tmp_path) as engine:
        await engine.engine.prompts.create(engine.tenant, "sort", DOCUMENT)
        await engine.engine.datasets.create(engine.tenant, "messages", ROWS)
        yield engine


def kind_of(engine: TestEngine) -> PromptTargets:
    return PromptTargets(engine.engine.services, engine.engine.evaluations.pinner)


def subject(**more: Any) -> PromptSubject:
    return PromptSubject("sort", **{"dataset": "messages", "truth": "kind", **more})


async def opened(engine: TestEngine, **more: Any) -> tuple[PromptTarget, list[Example]]:
    kind = kind_of(engine)
    pinned = await kind.pin(engine.tenant, subject(**more))
    return kind.open(engine.tenant, pinned.snapshot), list(pinned.examples)


def test_every_text_of_a_prompt_has_its_place() -> None:
    talk = {"messages": [{"role": "user", "content": "one"}, {"role": "system", "content": "two"}]}
    assert parts(DOCUMENT) == {"system": SYSTEM, "prompt": "{{ text }}"}
    assert list(parts(talk).items()) == [("messages[1].content", "two"), ("messages[0].content", "one")]
    changed = with_part(talk, "messages[1].content", "three")
    assert parts(changed) == {"messages[1].content": "three", "messages[0].content": "one"}
    assert talk["messages"][1]["content"] == "two"
    with pytest.raises(KeyError):
        with_part(talk, "prompt", "three")


@pytest.mark.parametrize(
    ("proposal", "fault"),
    [
        ("Sort it: billing or delivery.", "drops {{ product }}"),
        ("Sort {{ product }} for {{ customer }}.", "adds {{ customer }}"),
        ("Sort {{ item }}.", "drops {{ product }} and adds {{ item }}"),
        ("{% if product %}Sort {{ product }}{% endif %}", "adds"),
        ("Sort {{ product }} {{", "no template"),
        ("  ", "1 to"),
        ("{{ product }}" + "x" * 50_000, "1 to"),
    ],
)
def test_a_proposal_that_changes_what_is_filled_in_is_refused(proposal: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        kept(SYSTEM, proposal)


def test_a_proposal_may_move_its_placeholders_about() -> None:
    assert kept(SYSTEM, "\nOf {{product}} and {{ product }}, sort.\n") == "Of {{product}} and {{ product }}, sort."
    assert placeholders("{{a|default('x')}} {%- if b -%}") == {"{{ a|default('x') }}", "{%- if b -%}"}


async def test_rows_become_examples_that_do_not_show_their_truth(engine: TestEngine) -> None:
    pinned = await kind_of(engine).pin(engine.tenant, subject())
    assert (pinned.subject_name, pinned.subject_version, pinned.annotations) == ("sort", 1, 12)
    assert [example.truth for example in pinned.examples[:2]] == ["delivery", "billing"]
    request, calls = await (await opened(engine))[0].request("Of {{ product }}: sort.", pinned.examples[0])
    assert [(message.role, message.text.rstrip("x")) for message in request.messages] == [
        ("system", "Of lamps: sort."),
        ("user", "message 0"),
    ]
    assert (request.model, calls) == ("scripted/sorter", 1)


async def test_rows_without_a_truth_or_a_value_and_repeated_ones_are_left_out(engine: TestEngine) -> None:
    odd: list[Any] = [
        {"id": "a", "product": "p", "text": "t", "kind": None},
        {"id": "b", "text": "t", "kind": "billing"},
    ]
    rows = [{name: value for name, value in row.items() if name != "id"} for row in ROWS]
    await engine.engine.datasets.create(engine.tenant, "odd", [*rows, *odd, rows[0]])
    pinned = await kind_of(engine).pin(engine.tenant, subject(dataset="odd"))
    assert pinned.left_out == {"no_truth": 1, "not_filled_in": 1, "repeated": 1}
    assert len(pinned.examples) == 12


async def test_the_rows_of_a_benchmark_bring_their_truth(engine: TestEngine) -> None:
    rows = [{"id": str(n), "input": f"{n} + 1", "truth": str(n + 1)} for n in range(12)]
    await engine.engine.benchmarks.create_from_rows(engine.tenant, "sums", rows)
    await engine.engine.prompts.create(engine.tenant, "add", {"prompt": "What is {{ input }}?", "model": "scripted/a"})
    kind = kind_of(engine)
    pinned = await kind.pin(engine.tenant, PromptSubject("add", benchmark="sums"))
    target = kind.open(engine.tenant, pinned.snapshot)
    assert (target.instruction, target.classes) == ("What is {{ input }}?", None)
    assert "no kappa" in pinned.notes[0]
    request, _ = await target.request("How much is {{ input }}?", pinned.examples[3])
    assert request.messages[0].text.rstrip("x") == "How much is 3 + 1?"


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"truth": None}, "truth"),
        ({"truth": "colour"}, "truth"),
        ({"dataset": None, "truth": None}, "benchmark"),
        ({"benchmark": "sums"}, "benchmark"),
        ({"part": "messages[0].content"}, "part"),
        ({"scorer": "nonsense"}, "scorer"),
        ({"model": "nowhere/nothing"}, "model"),
    ],
)
async def test_what_is_wrong_is_named(engine: TestEngine, more: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as refused:
        await kind_of(engine).pin(engine.tenant, subject(**more))
    assert [fault.path for fault in refused.value.errors] == [path]


async def test_what_is_not_there_is_not_found(engine: TestEngine) -> None:
    for missing in (PromptSubject("none", dataset="messages"), subject(dataset="none"), subject(version=7)):
        with pytest.raises(NotFound):
            await kind_of(engine).pin(engine.tenant, missing)


async def test_a_call_is_worth_what_the_scorer_says(engine: TestEngine, server: ModelServer) -> None:
    server.script([{"contains": "message 1", "text": "billing"}, {"contains": "message 2", "text": "who knows"}])
    target, examples = await opened(engine)
    assert target.classes == Classes(("billing", "delivery"))
    right = await target.score(SYSTEM, examples[1], Attempt())
    wrong = await target.score(SYSTEM, examples[2], Attempt())
    assert (right.score, right.predicted, right.problem) == (1.0, "billing", None)
    assert (wrong.score, wrong.predicted, wrong.said) == (0.0, None, "who knows")
    assert "Expected was: delivery" in target.feedback(examples[2], wrong)
    assert "right" in target.feedback(examples[1], right)


async def test_no_answer_is_worth_nothing_and_what_may_pass_is_raised(engine: TestEngine, server: ModelServer) -> None:
    target, examples = await opened(engine)
    server.script([{"text": "", "finishReason": "content_filter"}])
    declined = await target.score(SYSTEM, examples[0], Attempt())
    assert (declined.score, declined.predicted) == (0.0, None)
    assert declined.problem is not None
    assert declined.problem in target.feedback(examples[0], declined)
    server.script([{"status": 500}])
    with pytest.raises(StepError):
        await target.score(SYSTEM, examples[0], Attempt())


async def test_the_version_stands_for_all_but_the_instruction(engine: TestEngine) -> None:
    plain, _ = await opened(engine)
    assert (await opened(engine))[0].version == plain.version
    assert (await opened(engine, scorer="contains"))[0].version != plain.version
    assert (await opened(engine, part="prompt"))[0].version != plain.version


async def test_applying_makes_a_version_unless_somebody_came_first(engine: TestEngine) -> None:
    kind, tenant, prompts = kind_of(engine), engine.tenant, engine.engine.prompts
    snapshot = (await kind.pin(tenant, subject())).snapshot
    new = "Of {{ product }}: sort, bills first."
    made = await engine.engine.store.write(await kind.apply(tenant, snapshot, new, force=False, by=None))
    assert made == 2
    assert (await prompts.get(tenant, "sort")).document == {**DOCUMENT, "system": new}
    with pytest.raises(Conflict, match="version 2"):
        await kind.apply(tenant, snapshot, new, force=False, by=None)
    await prompts.update(tenant, "sort", {**DOCUMENT, "prompt": "Message: {{ text }}"})
    forced = await kind.apply(tenant, snapshot, new, force=True, by=None)
    await prompts.update(tenant, "sort", {"prompt": "{{ text }}"})
    with pytest.raises(Conflict, match="just now"):
        await engine.engine.store.write(forced)
    with pytest.raises(Conflict, match="no text `system`"):
        await kind.apply(tenant, snapshot, new, force=True, by=None)
