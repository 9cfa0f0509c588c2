"""What is refused when a flow is saved, and where it says the fault is."""

from __future__ import annotations

import socket
import textwrap
from pathlib import Path

import pytest

from penstock.errors import TooLarge, Unprocessable
from penstock.flows.definition import document_json, document_schema, parse_document
from penstock.flows.document_text import read_document
from penstock.flows.graph import Graph, compile_graph

HEAD = """
name: f
input:
  text: {type: string, required: true}
"""


def load(nodes: str, head: str = HEAD) -> Graph:
    value, lines = read_document(head.strip() + "\n" + textwrap.dedent(nodes).strip() + "\n")
    return compile_graph(parse_document(value, lines), lines)


def faults(nodes: str, head: str = HEAD) -> list[tuple[str, int | None, str]]:
    with pytest.raises(Unprocessable) as caught:
        load(nodes, head)
    return [(error.path, error.line, error.message) for error in caught.value.errors]


GOOD = """
nodes:
  shout:
    type: transform
    inputs: {text: input.text}
    expression: text|upper
"""


def test_a_good_flow_compiles_and_its_stored_form_is_itself() -> None:
    graph = load(GOOD)
    stored = document_json(graph.document)
    assert stored["nodes"]["shout"] == {
        "type": "transform",
        "inputs": {"text": "input.text"},
        "expression": "text|upper",
    }
    assert document_json(compile_graph(parse_document(stored)).document) == stored


def test_a_circle_is_named() -> None:
    found = faults("""
        nodes:
          a: {type: transform, inputs: {x: b.out}, expression: x}
          b: {type: transform, inputs: {x: a.out}, expression: x}
    """)
    assert any("a → b → a" in message or "b → a → b" in message for _, _, message in found)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("nowhere.out", "there is no node 'nowhere'"),
        ("input.txt", "the input has no field 'txt'"),
        ("shout.outt", "'shout' has out, _input, not 'outt'"),
        ("system.clock", "system has"),
        ("a..b", "is not a reference"),
        ("", "a reference is empty"),
    ],
)
def test_a_bad_reference_is_named_with_its_place(reference: str, message: str) -> None:
    found = faults(f"""
        nodes:
          shout:
            type: transform
            inputs: {{text: input.text}}
            expression: text|upper
          again:
            type: transform
            inputs: {{x: "{reference}"}}
            expression: x
    """)
    assert [(path, line) for path, line, _ in found] == [("nodes.again.inputs.x", 11)]
    assert message in found[0][2]


def test_every_fault_is_told_at_once() -> None:
    found = faults("""
        nodes:
          a: {type: transform, inputs: {x: input.nope}, expression: "x +"}
          b: {type: nonsense}
          c: {type: transform, surplus: 1, expression: "1"}
    """)
    assert {path for path, _, _ in found} >= {"nodes.b.type", "nodes.c.surplus"}


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ("{type: 5}", "is not valid"),
        ("{$ref: '#/nowhere'}", "does not exist"),
        ("{$ref: '#'}", "refers to itself"),
    ],
)
def test_an_input_that_cannot_be_checked_is_refused_by_name(items: str, reason: str) -> None:
    head = f"name: f\ninput:\n  good: {{type: string}}\n  bad: {{type: array, items: {items}}}\n"
    (found,) = faults("nodes: {a: {type: transform, expression: '1'}}", head)
    assert found[0] == "input.bad"
    assert reason in found[2]


@pytest.mark.parametrize("scheme", ["http", "file"])
def test_an_input_reads_no_address_and_no_file(scheme: str, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text('{"type": "integer"}')
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0)
        at = f"http://127.0.0.1:{listening.getsockname()[1]}/" if scheme == "http" else f"file://{tmp_path}/schema.json"
        head = f"name: f\ninput:\n  bad: {{type: array, items: {{$ref: '{at}'}}}}\n"
        assert [path for path, _, _ in faults("nodes: {a: {type: transform, expression: '1'}}", head)] == ["input.bad"]
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_an_unknown_input_in_an_expression_is_refused() -> None:
    found = faults("""
        nodes:
          a: {type: transform, inputs: {x: input.text}, expression: x + y}
    """)
    assert found[0][0] == "nodes.a.inputs.y"


def test_elements_of_two_splits_cannot_be_joined() -> None:
    found = faults("""
        nodes:
          one: {type: split, inputs: {array: input.text}}
          two: {type: split, inputs: {array: input.text}}
          both: {type: transform, inputs: {a: one.out, b: two.out}, expression: a + b}
    """)
    assert found[0][0] == "nodes.both"


def test_a_flatten_needs_a_split_around_its_input() -> None:
    found = faults("""
        nodes:
          a: {type: flatten, inputs: {x: input.text}}
    """)
    assert any(path == "nodes.a.inputs" for path, _, _ in found)


def test_a_condition_offers_its_branches_only() -> None:
    found = faults("""
        nodes:
          check: {type: condition, inputs: {text: input.text}, expression: "text == 'a'"}
          yes: {type: transform, after: [check.perhaps], expression: "1"}
    """)
    assert found[0][0] == "nodes.yes.after[0]"
    assert "true, false" in found[0][2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "line"),
        ("- a", "mapping"),
        ("name: f\nname: g\n", "stands twice"),
        ("name: &x f\nnodes: *x\n", "anchors and aliases"),
        ("", "mapping"),
    ],
)
def test_text_that_is_no_document_is_refused(text: str, message: str) -> None:
    with pytest.raises(Unprocessable, match=message):
        read_document(text)


def test_too_much_text_is_refused() -> None:
    with pytest.raises(TooLarge):
        read_document("a" * 1_000_001)


def test_only_types_of_json_come_out_of_yaml() -> None:
    value, _ = read_document("a: 2026-01-01\nb: yes\nc: 1_000\nd: 0x10\ne: 1.5\nf: true\ng: null\nh: '1'\n")
    assert value == {
        "a": "2026-01-01",
        "b": "yes",
        "c": "1_000",
        "d": "0x10",
        "e": 1.5,
        "f": True,
        "g": None,
        "h": "1",
    }


def test_connectors_are_read_as_inputs() -> None:
    graph = load("""
        nodes:
          a: {type: transform, inputs: {t: input.text}, expression: "{'url': t}"}
          b: {type: transform, inputs: [{node: a, from: out.url, to: urlVar}], expression: urlVar}
    """)
    assert document_json(graph.document)["nodes"]["b"]["inputs"] == {"urlVar": "a.out.url"}


def test_the_documents_schema_accepts_what_the_parser_accepts() -> None:
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(document_schema())
    assert validator.is_valid(document_json(load(GOOD).document))
    assert not validator.is_valid({"name": "f", "nodes": {"a": {"type": "nonsense"}}})
    assert not validator.is_valid({"name": "f"})


def test_a_flow_node_refuses_settings_that_belong_to_the_nodes_inside() -> None:
    found = faults("""
        nodes:
          call: {type: flow, flow: other, timeoutSeconds: 3, retry: {maxAttempts: 2}, inputs: {x: input.text}}
    """)
    assert {path for path, _, _ in found} == {"nodes.call.timeoutSeconds", "nodes.call.retry"}
