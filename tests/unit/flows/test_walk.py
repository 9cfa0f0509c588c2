"""Flows run whole, on the engine: what comes out for each shape of graph."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Invalid, Unprocessable
from penstock.executions.model import RetryRequest, Status
from penstock.storage.executions import loads
from penstock.testing.engine import TestEngine, open_engine


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[TestEngine]:
    async with open_engine(tmp_path) as opened:
        yield opened


def flow(nodes: str, output: str = "", inputs: str = "{n: {type: integer}, list: {type: array}}") -> str:
    head = f"name: f\ninput: {inputs}\nnodes:\n"
    body = "\n".join("  " + line for line in nodes.strip().splitlines())
    return f"{head}{body}\n{output}"


async def outputs(engine: TestEngine, document: str, *inputs: Any) -> list[Any]:
    execution = await engine.run(document, list(inputs))
    assert execution.status == Status.COMPLETED, execution.error
    return [loads(row["output"]) for row in await engine.rows(execution)]


async def test_values_flow_from_node_to_node(engine: TestEngine) -> None:
    document = flow(
        """
double: {type: transform, inputs: {n: input.n}, expression: n * 2}
text:
  type: transform
  inputs: {d: double.out, before: double._input.n}
  template: {twice: "{{ d }}", of: "{{ before }}"}
""",
        "output: {all: text.out, one: text.out.twice, flow: system.flowVersion, path: system.itemPath}",
    )
    assert await outputs(engine, document, {"n": 4}) == [
        {"all": {"twice": 8, "of": 4}, "one": 8, "flow": 1, "path": "0"}
    ]


async def test_without_an_output_the_last_node_gives_it(engine: TestEngine) -> None:
    document = flow("a: {type: transform, inputs: {n: input.n}, expression: n + 1}")
    assert await outputs(engine, document, {"n": 1}, {"n": 2}) == [2, 3]


async def test_a_condition_skips_the_other_branch_and_join_any_meets_again(engine: TestEngine) -> None:
    document = flow(
        """
big: {type: condition, inputs: {n: input.n}, expression: n > 10}
yes: {type: transform, inputs: {n: big.true.n}, expression: "'big'"}
no: {type: transform, inputs: {n: big.false.n}, expression: "'small'"}
both: {type: transform, join: any, inputs: {a: yes.out, b: no.out}, expression: "a or b"}
""",
        "output: {word: both.out, yes: yes.out, no: no.out}",
    )
    assert await outputs(engine, document, {"n": 11}, {"n": 1}) == [
        {"word": "big", "yes": "big", "no": None},
        {"word": "small", "yes": None, "no": "small"},
    ]


async def test_elements_are_split_worked_on_and_collected_in_order(engine: TestEngine) -> None:
    document = flow(
        """
each: {type: split, inputs: {array: input.list}}
square: {type: transform, inputs: {x: each.out, n: input.n}, expression: x * x + n}
all: {type: flatten, inputs: {squares: square.out}}
count: {type: transform, inputs: {all: all.out}, expression: all|length}
""",
        "output: {squares: all.out, count: count.out}",
    )
    execution = await engine.run(document, [{"n": 1, "list": [3, 1, 2]}, {"n": 0, "list": []}])
    rows = await engine.rows(execution)
    assert [(row["path"].count("."), loads(row["output"])) for row in rows if "." not in row["path"]] == [
        (0, {"squares": [10, 2, 5], "count": 3}),
        (0, {"squares": [], "count": 0}),
    ]
    assert execution.summary is not None
    assert execution.summary["counts"]["succeeded"] == 5  # type: ignore[index,call-overload]


async def test_nested_splits_close_from_the_inside(engine: TestEngine) -> None:
    document = flow("""
outer: {type: split, inputs: {array: input.list}}
inner: {type: split, inputs: {array: outer.out}}
plus: {type: transform, inputs: {x: inner.out}, expression: x + 1}
rows: {type: flatten, inputs: {v: plus.out}}
table: {type: flatten, inputs: {v: rows.out}}
""")
    execution = await engine.run(document, [{"list": [[1, 2], [], [3]]}])
    assert loads((await engine.rows(execution))[0]["output"]) == [[2, 3], [], [4]]


@pytest.mark.parametrize(("policy", "expected"), [("skip", [10, 5]), ("null", [10, None, 5])])
async def test_a_failed_element_is_left_out_or_null(engine: TestEngine, policy: str, expected: list[Any]) -> None:
    document = flow(f"""
each: {{type: split, inputs: {{array: input.list}}}}
divide: {{type: transform, inputs: {{x: each.out}}, expression: 10 / x}}
all: {{type: flatten, failed: "{policy}", inputs: {{v: divide.out}}}}
""")
    execution = await engine.run(document, [{"list": [1, 0, 2]}])
    assert execution.status == Status.COMPLETED
    assert loads((await engine.rows(execution))[0]["output"]) == expected


async def test_a_failed_element_can_fail_its_item(engine: TestEngine) -> None:
    document = flow("""
each: {type: split, inputs: {array: input.list}}
divide: {type: transform, inputs: {x: each.out}, expression: 10 / x}
all: {type: flatten, failed: fail, inputs: {v: divide.out}}
""")
    execution = await engine.run(document, [{"list": [1, 0, 2]}])
    rows = {row["path"]: row for row in await engine.rows(execution)}
    assert loads(rows["000000000"]["error"])["code"] == "element_failed"
    assert loads(rows["000000000.000000001"]["error"])["itemPath"] == "0.1"


async def test_an_open_split_fails_its_item_only_when_every_element_failed(engine: TestEngine) -> None:
    document = flow("""
each: {type: split, inputs: {array: input.list}}
divide: {type: transform, inputs: {x: each.out}, expression: 10 / x}
""")
    execution = await engine.run(document, [{"list": [0, 5]}, {"list": [0, 0]}])
    rows = {row["path"]: row["status"] for row in await engine.rows(execution)}
    assert (rows["000000000"], rows["000000001"]) == ("succeeded", "failed")


async def test_when_skips_and_what_depends_on_it_is_skipped_too(engine: TestEngine) -> None:
    document = flow(
        """
a: {type: transform, when: "n > 5", inputs: {n: input.n}, expression: n}
b: {type: transform, inputs: {a: a.out}, expression: a + 1}
""",
        "output: {a: a.out, b: b.out}",
    )
    assert await outputs(engine, document, {"n": 6}, {"n": 1}) == [{"a": 6, "b": 7}, {"a": None, "b": None}]


async def test_on_error_gives_a_value_or_skips(engine: TestEngine) -> None:
    document = flow(
        """
value: {type: transform, onError: {value: -1}, inputs: {n: input.n}, expression: 1 / n}
skip: {type: transform, onError: skip, inputs: {n: input.n}, expression: 1 / n}
after: {type: transform, inputs: {v: value.out}, expression: v}
""",
        "output: {value: after.out, skip: skip.out}",
    )
    assert await outputs(engine, document, {"n": 0}) == [{"value": -1, "skip": None}]


async def test_until_runs_rounds_with_the_last_output(engine: TestEngine) -> None:
    document = flow("""
grow:
  type: transform
  inputs: {n: input.n}
  expression: "(previous or 0) + n"
  until: {expression: "out >= 10", maxTimes: 20}
""")
    assert await outputs(engine, document, {"n": 4}, {"n": 10}) == [12, 10]


async def test_a_missing_field_fails_the_item_and_says_what_there_is(engine: TestEngine) -> None:
    document = flow("a: {type: transform, inputs: {x: 'input.list[2]'}, expression: x}")
    execution = await engine.run(document, [{"list": [1]}])
    assert execution.status == Status.FAILED
    assert execution.error is not None
    assert (execution.error.code, execution.error.node) == ("reference_missing", "a")
    assert "a list of 1" in execution.error.message


async def test_a_flow_runs_another_as_a_node(engine: TestEngine) -> None:
    await engine.save(
        "name: inner\ninput: {x: {type: integer, required: true}}\nnodes:\n"
        "  each: {type: split, inputs: {array: make.out}}\n"
        "  make: {type: transform, inputs: {x: input.x}, expression: '[x, x + 1]'}\n"
        "  plus: {type: transform, inputs: {v: each.out}, expression: v + 100}\n"
        "  all: {type: flatten, inputs: {v: plus.out}}\n"
    )
    document = flow(
        """
call: {type: flow, flow: inner, inputs: {x: input.n}}
total: {type: transform, inputs: {l: call.out}, expression: l|sum}
""",
        "output: {list: call.out, total: total.out}",
    )
    execution = await engine.run(document, [{"n": 1}])
    rows = await engine.rows(execution)
    assert loads(rows[0]["output"]) == {"list": [101, 102], "total": 203}


async def test_a_flow_with_open_results_cannot_be_a_node(engine: TestEngine) -> None:
    await engine.save(
        "name: inner\ninput: {x: {type: array}}\nnodes:\n  each: {type: split, inputs: {array: input.x}}\n"
    )
    with pytest.raises(Unprocessable, match="flatten"):
        await engine.run(flow("call: {type: flow, flow: inner, inputs: {x: input.list}}"), [{"list": [1]}])


async def test_wrong_input_is_refused_naming_each_field(engine: TestEngine) -> None:
    document = flow("a: {type: transform, expression: '1'}", inputs="{n: {type: integer, required: true}}")
    with pytest.raises(Invalid) as caught:
        await engine.run(document, [{"n": "4", "more": 1}, {}])
    assert {error.path for error in caught.value.errors} == {"inputs[0].n", "inputs[0].more", "inputs[1].n"}


async def test_defaults_are_filled_in(engine: TestEngine) -> None:
    document = flow(
        "a: {type: transform, inputs: {n: input.n}, expression: n}", inputs="{n: {type: integer, default: 7}}"
    )
    assert await outputs(engine, document, {}) == [7]


async def test_rows_of_a_data_set_are_inputs(engine: TestEngine) -> None:
    from penstock.flows.nodes.dataset_source import DatasetSourceSettings, SelectionSettings

    rows = [{"n": n, "other": "x"} for n in range(10)]
    await engine.engine.datasets.create(engine.tenant, "numbers", rows)
    flow_id = await engine.save(flow("a: {type: transform, inputs: {n: input.n}, expression: n * 10}"))
    settings = DatasetSourceSettings(dataset="numbers", filter="n % 2 == 0", selection=SelectionSettings(first=3))
    execution = await engine.run_saved(flow_id, None, rows=settings)
    assert [loads(row["output"]) for row in await engine.rows(execution)] == [0, 20, 40]


async def test_a_row_that_does_not_fit_the_input_fails_alone(engine: TestEngine) -> None:
    from penstock.flows.nodes.dataset_source import DatasetSourceSettings

    await engine.engine.datasets.create(engine.tenant, "mixed", [{"n": 1}, {"n": "two"}])
    flow_id = await engine.save(flow("a: {type: transform, inputs: {n: input.n}, expression: n}"))
    execution = await engine.run_saved(flow_id, None, rows=DatasetSourceSettings(dataset="mixed"))
    rows = await engine.rows(execution)
    assert [row["status"] for row in rows] == ["succeeded", "failed"]
    assert loads(rows[1]["error"])["code"] == "invalid_input"


async def test_a_source_and_a_sink_carry_rows_through(engine: TestEngine) -> None:
    await engine.engine.datasets.create(engine.tenant, "people", [{"name": "Ada"}, {"name": "Bo"}])
    document = flow(
        """
people: {type: dataset_source, dataset: people}
shout: {type: transform, inputs: {name: people.out.name, mark: input.mark}, expression: name|upper ~ mark}
keep: {type: dataset_sink, target: shouted, mapping: {text: text}, inputs: {text: shout.out}}
""",
        inputs="{mark: {type: string, default: '!'}}",
    )
    execution = await engine.run(document, [{"mark": "?"}])
    assert execution.status == Status.COMPLETED, execution.error
    kept = await engine.engine.datasets.get(engine.tenant, "shouted")
    rows = await engine.engine.datasets.rows(engine.tenant, kept.id, version=kept.version)
    assert sorted(str(row.data["text"]) for row in rows) == ["ADA?", "BO?"]


async def test_retry_with_a_newer_version_runs_only_what_changed(engine: TestEngine) -> None:
    broken = flow("""
first: {type: transform, inputs: {n: input.n}, expression: n + 1}
second: {type: transform, inputs: {x: first.out}, expression: x / 0}
""")
    flow_id = await engine.save(broken)
    execution = await engine.run_saved(flow_id, [{"n": 1}])
    assert execution.status == Status.FAILED
    await engine.engine.library.update(engine.tenant, flow_id, broken.replace("x / 0", "x / 2"))
    await engine.engine.executions.retry(engine.tenant, execution.id, RetryRequest(version=2))
    execution = await engine.engine.executions.wait(engine.tenant, execution.id, 20)
    assert execution.status == Status.COMPLETED
    assert execution.subject_version == 2
    assert [loads(row["output"]) for row in await engine.rows(execution)] == [1.0]


async def test_the_fault_of_a_long_text_says_what_is_wrong_and_not_only_the_text(engine: TestEngine) -> None:
    document = flow("a: {type: transform, expression: '1'}", inputs="{text: {type: string, maxLength: 600}}")
    with pytest.raises(Invalid) as caught:
        await engine.run(document, [{"text": "word " * 500}])
    (fault,) = caught.value.errors
    assert fault.message.endswith("longer than 600 characters")
    assert len(fault.message) < 160
