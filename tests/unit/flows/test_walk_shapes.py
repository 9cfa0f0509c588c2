"""Graphs of unusual shape: each must run as its picture says, or be refused when it is saved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import Unprocessable
from penstock.executions.model import Status
from penstock.flows.definition import parse_document
from penstock.flows.document_text import read_document
from penstock.flows.graph import compile_graph
from penstock.flows.service import RunRequest
from penstock.storage.executions import loads
from penstock.testing.engine import TestEngine, open_engine


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[TestEngine]:
    async with open_engine(tmp_path) as opened:
        yield opened


def flow(nodes: str, output: str = "") -> str:
    body = "\n".join("  " + line for line in nodes.strip().splitlines())
    return f"name: f\ninput: {{n: {{type: integer}}, list: {{type: array}}}}\nnodes:\n{body}\n{output}"


async def run(engine: TestEngine, document: str, given: dict[str, Any]) -> Any:
    """The output of the one top-level item."""
    execution = await engine.run(document, [given])
    assert execution.status == Status.COMPLETED, execution.error
    rows = await engine.rows(execution)
    failed = [row["error"] for row in rows if row["error"]]
    assert not failed, failed
    return loads(rows[0]["output"])


def refusal(document: str) -> str:
    with pytest.raises(Unprocessable) as caught:
        compile_graph(parse_document(*read_document(document)))
    return str(caught.value.errors)


async def test_an_element_uses_a_node_outside_that_its_split_does_not_need(engine: TestEngine) -> None:
    document = flow("""
each: {type: split, inputs: {array: input.list}}
base: {type: code, source: "def run(n): return n * 100", inputs: {n: input.n}}
more: {type: transform, inputs: {b: base.out}, expression: b + 1000}
sum: {type: transform, inputs: {x: each.out, base: more.out}, expression: x + base}
all: {type: flatten, inputs: {v: sum.out}}
""")
    assert await run(engine, document, {"n": 2, "list": [1, 2]}) == [1201, 1202]


async def test_an_inner_split_waits_for_what_its_elements_use_two_scopes_out(engine: TestEngine) -> None:
    document = flow("""
outer: {type: split, inputs: {array: input.list}}
inner: {type: split, inputs: {array: outer.out}}
base: {type: code, source: "def run(n): return n * 100", inputs: {n: input.n}}
local: {type: transform, inputs: {x: outer.out}, expression: x|length}
sum: {type: transform, inputs: {x: inner.out, a: base.out, b: local.out}, expression: x + a + b}
row: {type: flatten, inputs: {v: sum.out}}
table: {type: flatten, inputs: {v: row.out}}
""")
    assert await run(engine, document, {"n": 1, "list": [[1], [2, 3]]}) == [[102], [104, 105]]


async def test_results_of_an_open_split_take_values_from_outside(engine: TestEngine) -> None:
    document = flow(
        """
each: {type: split, inputs: {array: input.list}}
twice: {type: transform, inputs: {x: each.out}, expression: x * 2}
base: {type: code, source: "def run(n): return n * 100", inputs: {n: input.n}}
slow: {type: transform, inputs: {b: base.out}, expression: b + 1}
""",
        "output: {x: twice.out, base: slow.out}",
    )
    execution = await engine.run(document, [{"n": 1, "list": [1, 2]}])
    rows = await engine.rows(execution)
    assert [loads(row["output"]) for row in rows[1:]] == [{"x": 2, "base": 101}, {"x": 4, "base": 101}]


def test_an_element_cannot_use_what_is_made_of_all_elements() -> None:
    document = flow("""
each: {type: split, inputs: {array: input.list}}
plus: {type: transform, inputs: {x: each.out}, expression: x + 1}
all: {type: flatten, inputs: {v: plus.out}}
best: {type: transform, inputs: {all: all.out}, expression: all|length}
share: {type: transform, inputs: {x: each.out, best: best.out}, expression: x / best}
shares: {type: flatten, inputs: {v: share.out}}
""")
    assert "cannot use what is made of all elements" in refusal(document)
    assert "each → " in refusal(document)


@pytest.mark.parametrize(
    ("inputs", "after"), [("v: input.list", "[plus]"), ("v: outside.out", "[plus]"), ("v: system.itemPath", "[plus]")]
)
def test_a_flatten_collects_a_value_from_inside(inputs: str, after: str) -> None:
    document = flow(f"""
outside: {{type: transform, inputs: {{n: input.n}}, expression: n}}
each: {{type: split, inputs: {{array: input.list}}}}
plus: {{type: transform, inputs: {{x: each.out}}, expression: x + 1}}
all: {{type: flatten, inputs: {{{inputs}}}, after: {after}}}
""")
    assert "nodes.all.inputs" in refusal(document)


async def test_a_flatten_of_a_split_that_was_skipped_is_skipped(engine: TestEngine) -> None:
    document = flow("""
big: {type: condition, inputs: {n: input.n, list: input.list}, expression: n > 10}
each: {type: split, inputs: {array: big.true.list}}
plus: {type: transform, inputs: {x: each.out}, expression: x + 1}
all: {type: flatten, inputs: {v: plus.out}}
small: {type: transform, inputs: {n: big.false.n}, expression: "'small'"}
both: {type: transform, join: any, inputs: {a: all.out, b: small.out}, template: {a: "{{ a }}", b: "{{ b }}"}}
""")
    assert await run(engine, document, {"n": 11, "list": [1]}) == {"a": [2], "b": None}
    flow_id = (await engine.engine.library.get(engine.tenant, "f")).id
    execution = await engine.run_saved(flow_id, [{"n": 1, "list": [1]}])
    assert loads((await engine.rows(execution))[0]["output"]) == {"a": None, "b": "small"}


async def test_until_repeats_the_choice_of_elements(engine: TestEngine) -> None:
    document = flow("""
each: {type: split, inputs: {array: input.list}, until: {expression: "out|length > 0", maxTimes: 2}}
plus: {type: transform, inputs: {x: each.out}, expression: x + 1}
all: {type: flatten, inputs: {v: plus.out}}
""")
    assert await run(engine, document, {"list": [1, 2]}) == [2, 3]


async def test_until_repeats_a_condition(engine: TestEngine) -> None:
    document = flow("""
check:
  type: condition
  inputs: {n: input.n}
  expression: n > 1
  until: {expression: "out.branch == 'true'", maxTimes: 3}
yes: {type: transform, inputs: {n: check.true.n}, expression: n * 10}
""")
    assert await run(engine, document, {"n": 2}) == 20


def test_until_is_refused_where_it_cannot_repeat_anything() -> None:
    for node in ("{type: flow, flow: other, inputs: {n: input.n}, ", "{type: dataset_source, dataset: d, "):
        text = refusal(flow(f"a: {node}until: {{expression: 'out == 1', maxTimes: 2}}}}"))
        assert "nodes.a.until" in text


async def test_an_element_knows_what_its_split_was_handed(engine: TestEngine) -> None:
    document = flow("""
each: {type: split, inputs: {array: input.list, unit: input.n}}
share: {type: transform, inputs: {x: each.out, unit: each._input.unit}, expression: x / unit}
all: {type: flatten, inputs: {v: share.out}}
""")
    assert await run(engine, document, {"n": 4, "list": [8, 4]}) == [2.0, 1.0]


async def test_a_split_at_the_end_gives_its_elements(engine: TestEngine) -> None:
    execution = await engine.run(flow("each: {type: split, inputs: {array: input.list}}"), [{"list": ["a", "b"]}])
    assert [loads(row["output"]) for row in (await engine.rows(execution))[1:]] == ["a", "b"]


async def test_a_field_that_an_element_lacks_is_that_elements_error(engine: TestEngine) -> None:
    document = flow("""
each: {type: split, inputs: {array: input.list}}
same: {type: transform, inputs: {x: each.out}, expression: x}
all: {type: flatten, inputs: {v: same.out.name}}
""")
    execution = await engine.run(document, [{"list": [{"name": "a"}, {}]}])
    rows = await engine.rows(execution)
    assert loads(rows[0]["output"]) == ["a"]
    error = loads(rows[2]["error"])
    assert (error["code"], error["node"]) == ("reference_missing", "all")


async def test_splits_side_by_side_meet_again(engine: TestEngine) -> None:
    document = flow("""
left: {type: split, inputs: {array: input.list}}
right: {type: split, inputs: {array: input.list}}
plus: {type: transform, inputs: {x: left.out}, expression: x + 1}
times: {type: transform, inputs: {x: right.out}, expression: x * 10}
lefts: {type: flatten, inputs: {v: plus.out}}
rights: {type: flatten, inputs: {v: times.out}}
zip: {type: transform, inputs: {l: lefts.out, r: rights.out}, template: {l: "{{ l }}", r: "{{ r }}"}}
""")
    assert await run(engine, document, {"list": [1, 2]}) == {"l": [2, 3], "r": [10, 20]}


async def test_a_split_is_collected_twice(engine: TestEngine) -> None:
    document = flow("""
each: {type: split, inputs: {array: input.list}}
plus: {type: transform, inputs: {x: each.out}, expression: x + 1}
minus: {type: transform, inputs: {x: each.out}, expression: x - 1}
ups: {type: flatten, inputs: {v: plus.out}}
downs: {type: flatten, inputs: {v: minus.out}}
both: {type: transform, inputs: {u: ups.out, d: downs.out}, template: {u: "{{ u }}", d: "{{ d }}"}}
""")
    assert await run(engine, document, {"list": [1, 2]}) == {"u": [2, 3], "d": [0, 1]}


async def test_a_diamond_with_conditions_on_both_ways(engine: TestEngine) -> None:
    document = flow("""
top: {type: condition, inputs: {n: input.n}, expression: n > 0}
left: {type: condition, inputs: {n: top.true.n}, expression: n > 10}
right: {type: condition, inputs: {n: top.false.n}, expression: n < -10}
a: {type: transform, inputs: {n: left.true.n}, expression: "'far right'"}
b: {type: transform, inputs: {n: left.false.n}, expression: "'right'"}
c: {type: transform, inputs: {n: right.true.n}, expression: "'far left'"}
d: {type: transform, inputs: {n: right.false.n}, expression: "'left'"}
end: {type: transform, join: any, inputs: {a: a.out, b: b.out, c: c.out, d: d.out}, expression: "a or b or c or d"}
""")
    flow_id = await engine.save(document)
    execution = await engine.run_saved(flow_id, [{"n": n} for n in (11, 1, -1, -11)])
    assert [loads(row["output"]) for row in await engine.rows(execution)] == ["far right", "right", "left", "far left"]


async def test_elements_meet_again_after_a_condition_inside_a_split(engine: TestEngine) -> None:
    document = flow("""
each: {type: split, inputs: {array: input.list}}
odd: {type: condition, inputs: {x: each.out}, expression: x % 2 == 1}
up: {type: transform, inputs: {x: odd.true.x}, expression: x + 1}
same: {type: transform, inputs: {x: odd.false.x}, expression: x}
even: {type: transform, join: any, inputs: {a: up.out, b: same.out}, expression: "a or b"}
all: {type: flatten, inputs: {v: even.out}}
""")
    assert await run(engine, document, {"list": [1, 2, 3]}) == [2, 2, 4]


@pytest.mark.parametrize(
    ("policy", "expected"), [("skip", {"all": None, "after": None}), ("{value: []}", {"all": [], "after": 0})]
)
async def test_a_split_that_fails_may_be_skipped_or_stand_for_nothing(
    engine: TestEngine, policy: str, expected: Any
) -> None:
    document = flow(
        f"""
each: {{type: split, onError: {policy}, inputs: {{array: input.n}}}}
plus: {{type: transform, inputs: {{x: each.out}}, expression: x + 1}}
all: {{type: flatten, inputs: {{v: plus.out}}}}
after: {{type: transform, inputs: {{v: all.out}}, expression: v|length}}
""",
        "output: {all: all.out, after: after.out}",
    )
    assert await run(engine, document, {"n": 5}) == expected


async def test_a_flatten_that_fails_may_have_a_value(engine: TestEngine) -> None:
    document = flow("""
each: {type: split, inputs: {array: input.list}}
divide: {type: transform, inputs: {x: each.out}, expression: 1 / x}
all: {type: flatten, failed: fail, onError: {value: [none]}, inputs: {v: divide.out}}
""")
    execution = await engine.run(document, [{"list": [0]}])
    assert loads((await engine.rows(execution))[0]["output"]) == ["none"]


async def test_a_flow_in_a_flow_in_each_element(engine: TestEngine) -> None:
    await engine.save(
        "name: leaf\ninput: {x: {type: integer}}\nnodes:\n"
        "  parts: {type: split, inputs: {array: make.out}}\n"
        "  make: {type: transform, inputs: {x: input.x}, expression: '[x, x]'}\n"
        "  plus: {type: transform, inputs: {v: parts.out}, expression: v + 1}\n"
        "  all: {type: flatten, inputs: {v: plus.out}}\n"
    )
    await engine.save(
        "name: middle\ninput: {x: {type: integer}}\nnodes:\n  leaf: {type: flow, flow: leaf, inputs: {x: input.x}}\n"
        "  more: {type: transform, inputs: {l: leaf.out}, expression: 'l|sum'}\n"
    )
    document = flow("""
each: {type: split, inputs: {array: input.list}}
call: {type: flow, flow: middle, inputs: {x: each.out}}
again: {type: flow, flow: leaf, inputs: {x: call.out}}
all: {type: flatten, inputs: {v: again.out}}
""")
    assert await run(engine, document, {"list": [1, 2]}) == [[5, 5], [7, 7]]


@pytest.mark.parametrize("policy", ["skip", "{value: 7}"])
async def test_a_flow_that_fails_as_a_node_follows_its_policy(engine: TestEngine, policy: str) -> None:
    await engine.save(
        "name: inner\ninput: {x: {type: integer}}\nnodes:\n"
        "  bad: {type: transform, inputs: {x: input.x}, expression: x / 0}\n"
    )
    document = flow(
        f"call: {{type: flow, flow: inner, onError: {policy}, inputs: {{x: input.n}}}}", "output: {c: call.out}"
    )
    assert await run(engine, document, {"n": 1}) == {"c": 7 if "7" in policy else None}


async def test_a_source_of_rows_with_a_split_and_a_flatten(engine: TestEngine) -> None:
    await engine.engine.datasets.create(engine.tenant, "rows", [{"name": "a", "k": 2}, {"name": "b", "k": 3}])
    document = flow("""
row: {type: dataset_source, dataset: rows}
make: {type: transform, inputs: {k: row.out.k}, expression: "[k, k * 2]"}
each: {type: split, inputs: {array: make.out}}
named: {type: transform, inputs: {x: each.out, name: row.out.name}, template: "{{ name }}{{ x }}"}
all: {type: flatten, inputs: {v: named.out}}
""")
    execution = await engine.run(document)
    rows = [row for row in await engine.rows(execution) if "." not in row["path"]]
    assert [loads(row["output"]) for row in rows] == [["a2", "a4"], ["b3", "b6"]]


async def test_what_is_in_flight_beside_a_node_that_is_through_is_finished_when_work_is_parked(tmp_path: Path) -> None:
    document = flow(
        """
quick: {type: code, source: "def run(n): return n + 1", inputs: {n: input.n}}
behind: {type: transform, inputs: {q: quick.out}, expression: q + 1}
slow: {type: code, source: "def run(n): return n * 100", inputs: {n: input.n}}
""",
        "output: {slow: slow.out, behind: behind.out}",
    )
    finished: list[str] = []
    async with open_engine(tmp_path) as opened:
        flow_id = await opened.save(document)
        sandbox = opened.engine.services.sandbox
        started, run_code = asyncio.Event(), sandbox.run

        async def hold(source: str, *given: Any, **more: Any) -> Any:
            started.set()
            while not opened.engine.dispatcher._stopping:
                await asyncio.sleep(0.001)
            if "100" in source:
                while not finished:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.05)  # time enough for the node behind the quick one to find that it may not start
            out = await run_code(source, *given, **more)
            finished.append(source)
            return out

        sandbox.run = hold  # type: ignore[method-assign]
        submitted = await opened.engine.flows.start(opened.tenant, flow_id, RunRequest(inputs=[{"n": 1}]))
        await started.wait()
    assert len(finished) == 2
    async with open_engine(tmp_path) as opened:
        ended = await opened.engine.executions.wait(opened.tenant, submitted.execution.id, 20)
        assert ended.status == Status.COMPLETED
        assert loads((await opened.rows(ended))[0]["output"]) == {"slow": 100, "behind": 3}
