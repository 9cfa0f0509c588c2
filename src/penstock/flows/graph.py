"""The graph of a flow: what depends on what, in which order nodes may run, and inside which splits.

A node lives in a *scope*: the chain of splits that are open around it. `split` opens a scope for each of its elements,
`flatten` closes the innermost one and hands on the elements' values as a list. A node that uses values of several
scopes lives in the deepest, which must contain the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from penstock.errors import FieldError
from penstock.flows.definition import FlowDocument, document_json, unprocessable
from penstock.flows.document_text import Lines
from penstock.flows.expressions import Expression, ExpressionError
from penstock.flows.nodes import registry
from penstock.flows.nodes.base import Node, NodeSettings
from penstock.flows.ordering import circle_of, sorted_by_needs
from penstock.flows.references import (
    OUT,
    RECEIVED,
    SYSTEM,
    SYSTEM_FIELDS,
    Reference,
    ReferenceSyntaxError,
    is_node_name,
    parse,
)
from penstock.flows.schemas import InputSchema, input_faults
from penstock.storage.executions import dumps

Scope = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One node, compiled. `needs` are its dependencies in document order: (node, port)."""

    name: str
    node: Node[Any]
    settings: NodeSettings
    inputs: Mapping[str, Reference]
    needs: tuple[tuple[str, str | None], ...]
    home: Scope
    """The scope it runs in."""
    digest: bytes
    """Stands for its type and settings, as part of a step's fingerprint."""
    when: Expression | None
    until: Expression | None


@dataclass(frozen=True, slots=True)
class ScopePlan:
    """The nodes of one scope in order. `chain`: each waits for the one before, so that no tasks are needed."""

    nodes: tuple[GraphNode, ...]
    waits: Mapping[str, frozenset[str]]
    chain: bool


@dataclass(frozen=True)
class Graph:
    """A flow, compiled. `order` is a topological order, stable by the document."""

    document: FlowDocument
    nodes: Mapping[str, GraphNode]
    order: tuple[str, ...]
    input_schema: InputSchema
    output: Mapping[str, Reference] | Reference
    output_scope: Scope
    source: str | None
    """The node that yields the items, if the flow has one."""

    def at(self, scope: Scope) -> list[GraphNode]:
        """The nodes of one scope, in order."""
        return [self.nodes[name] for name in self.order if self.nodes[name].home == scope]

    def flattens_of(self, split: str) -> list[GraphNode]:
        """The flatten nodes that close a split."""
        inner = (*self.nodes[split].home, split)
        return [node for node in self.nodes.values() if node.node.role == "flatten" and _inner(node, self) == inner]

    @property
    def open(self) -> bool:
        """True when results come from inside a split that is never closed: each element is a result."""
        return bool(self.output_scope)

    def label(self, split: str) -> str | None:
        """What marks the elements of a split in item paths: nothing for the first split of a scope, else its name."""
        beside = [node.name for node in self.at(self.nodes[split].home) if node.node.role == "split"]
        return None if beside[0] == split else split

    @cached_property
    def plans(self) -> dict[Scope, ScopePlan]:
        """How each scope is run."""
        scopes = {node.home for node in self.nodes.values()}
        scopes |= {(*node.home, node.name) for node in self.nodes.values() if node.node.role == "split"}
        return {scope: self._plan(scope) for scope in {(), *scopes}}

    def _plan(self, scope: Scope) -> ScopePlan:
        waits = {node.name: self.waits_for(node) for node in self.at(scope)}
        order, circle = sorted_by_needs(waits)
        nodes = tuple(self.nodes[name] for name in (*order, *circle))
        return ScopePlan(nodes, waits, all(before.name in waits[after.name] for before, after in pairwise(nodes)))

    def circles(self) -> Iterator[list[str]]:
        """Nodes that wait for each other because a split waits for what its elements use from outside."""
        for plan in self.plans.values():
            _, circle = sorted_by_needs(plan.waits)
            if circle:
                yield circle_of({name: plan.waits[name] & circle.keys() for name in circle})

    @cached_property
    def final(self) -> str | None:
        """The node that runs last and whose whole output is the item's output: that is then kept once."""
        output = self.output
        if not isinstance(output, Reference) or output.path or output.port != OUT:
            return None
        plan = self.plans[self.output_scope]
        last = plan.nodes[-1] if plan.nodes and plan.chain else None
        if last is None or last.name != output.root:
            return None
        return last.name if last.node.role == "plain" and last.until is None else None

    def waits_for(self, node: GraphNode) -> frozenset[str]:
        """The nodes of the same scope that must be through before this one; a split stands for what is inside it."""
        depth = len(node.home)
        found = set()
        for need in self._uses(node):
            home = self.nodes[need].home
            if home[:depth] == node.home:
                found.add(home[depth] if len(home) > depth else need)
        return frozenset(found - {node.name})

    def _uses(self, node: GraphNode) -> Iterator[str]:
        """What a node needs, and for a split what its elements need, for results too."""
        yield from (need for need, _ in node.needs)
        if node.node.role != "split":
            return
        scope = (*node.home, node.name)
        for inner in self.nodes.values():
            if inner.home[: len(scope)] == scope:
                yield from (need for need, _ in inner.needs)
        if self.output_scope[: len(scope)] == scope:
            references = [self.output] if isinstance(self.output, Reference) else self.output.values()
            yield from (reference.root for reference in references if reference.is_node)


def _inner(node: GraphNode, graph: Graph) -> Scope:
    return max((_scope_after(graph.nodes[need]) for need, _ in node.needs), key=len, default=())


def _scope_after(node: GraphNode) -> Scope:
    return (*node.home, node.name) if node.node.role == "split" else node.home


def compile_graph(document: FlowDocument, lines: Lines | None = None) -> Graph:
    """Check how everything hangs together. Raises `Unprocessable` with every fault, path and line."""
    compiler = _Compiler(document)
    graph = compiler.compile()
    if compiler.errors:
        raise unprocessable(compiler.errors, lines or {})
    return graph


class _Compiler:
    def __init__(self, document: FlowDocument) -> None:
        self.document = document
        self.errors: list[FieldError] = []
        self.types = registry()
        self.nodes: dict[str, GraphNode] = {}
        self.inputs: dict[str, dict[str, Reference]] = {}
        self.needs: dict[str, list[tuple[str, str | None]]] = {}

    def fault(self, path: str, message: str) -> None:
        self.errors.append(FieldError(path, message))

    def compile(self) -> Graph:
        for name, settings in self.document.nodes.items():
            self._read_node(name, settings)
        order = self._order()
        for name in order:
            self._place(name)
        output = self._output(order)
        scope = self._output_scope(output)
        self._check_splits(scope)
        sources = [name for name in order if self._role(name) == "source"]
        if len(sources) > 1:
            self.fault(f"nodes.{sources[1]}", f"a flow has one source of items; {sources[0]!r} is one already")
        wrong = input_faults(self.document.input)
        for name, fault in wrong.items():
            self.fault(f"input.{name}", fault)
        graph = Graph(
            document=self.document,
            nodes=self.nodes,
            order=tuple(order),
            input_schema=InputSchema({} if wrong else self.document.input),
            output=output,
            output_scope=scope,
            source=sources[0] if sources else None,
        )
        if not self.errors:
            self._check_circles(graph)
        return graph

    def _check_circles(self, graph: Graph) -> None:
        for circle in graph.circles():
            self.fault(
                f"nodes.{circle[0]}",
                f"an element cannot use what is made of all elements; the nodes wait in a circle: {' → '.join(circle)}",
            )

    def _type(self, name: str) -> Node[Any]:
        return self.types[self.document.nodes[name].type]

    def _role(self, name: str) -> str:
        return self._type(name).role

    # One node

    def _read_node(self, name: str, settings: NodeSettings) -> None:
        path = f"nodes.{name}"
        if not is_node_name(name):
            self.fault(path, "a node's name is letters, digits and _, and none of the reserved words")
        self.inputs[name] = {}
        needs: dict[tuple[str, str | None], None] = {}
        for key, text in settings.inputs.items():
            reference = self._reference(text, f"{path}.inputs.{key}")
            if reference is not None:
                self.inputs[name][key] = reference
                if reference.is_node:
                    needs[(reference.root, self._branch(reference))] = None
        for index, text in enumerate(settings.after):
            reference = self._reference(text, f"{path}.after[{index}]")
            if reference is not None and reference.is_node:
                needs[(reference.root, self._branch(reference))] = None
        self.needs[name] = list(needs)
        self._check_settings(name, settings, path)

    def _branch(self, reference: Reference) -> str | None:
        return reference.port if self._role(reference.root) == "condition" and reference.port != RECEIVED else None

    def _check_settings(self, name: str, settings: NodeSettings, path: str) -> None:
        node = self._type(name)
        for inner, message in node.check(settings):
            self.fault(f"{path}.{inner}" if inner else path, message)
        if settings.type not in {"split", "flatten"}:
            given = set(settings.inputs) | ({"previous"} if settings.until else set())
            for missing in sorted(node.required_inputs(settings) - given):
                self.fault(f"{path}.inputs.{missing}", f"{missing!r} is used by the node but is not among its inputs")

    def _reference(self, text: str, path: str) -> Reference | None:
        try:
            reference = parse(text)
        except ReferenceSyntaxError as error:
            self.fault(path, str(error))
            return None
        fault = self._reference_fault(reference)
        if fault is not None:
            self.fault(path, fault)
            return None
        return reference

    def _reference_fault(self, reference: Reference) -> str | None:
        first = reference.path[0] if reference.path else None
        if reference.root == SYSTEM:
            return None if first in SYSTEM_FIELDS else f"system has {', '.join(sorted(SYSTEM_FIELDS))}, not {first!r}"
        if not reference.is_node:
            fields = self.document.input
            # Where the document declares no input, a data set's columns are its fields, known when it runs.
            unknown = bool(fields) and first is not None and first not in fields
            return f"the input has no field {first!r}; it has {', '.join(fields)}" if unknown else None
        if reference.root not in self.document.nodes:
            names = ", ".join(self.document.nodes)
            return f"there is no node {reference.root!r}; nodes are {names}"
        return self._port_fault(reference)

    def _port_fault(self, reference: Reference) -> str | None:
        settings = self.document.nodes[reference.root]
        node = self._type(reference.root)
        ports = [OUT, RECEIVED, *_branches(node, settings)]
        if reference.port not in ports:
            return f"{reference.root!r} has {', '.join(ports)}, not {reference.port!r}"
        schema = node.output_schema(settings) if reference.port == OUT else None
        return _schema_fault(schema, reference)

    # Order and scopes

    def _order(self) -> list[str]:
        order, waiting = sorted_by_needs({name: {need for need, _ in needs} for name, needs in self.needs.items()})
        if waiting:
            circle = " → ".join(circle_of(waiting))
            self.fault(f"nodes.{next(iter(waiting))}", f"the nodes depend on each other in a circle: {circle}")
        return order

    def _place(self, name: str) -> None:
        settings = self.document.nodes[name]
        home: Scope = ()
        for need, _ in self.needs[name]:
            scope = _scope_after(self.nodes[need])
            if home[: len(scope)] != scope[: len(home)]:
                self.fault(f"nodes.{name}", f"it joins elements of two splits: {home[-1]!r} and {scope[-1]!r}")
            home = max(home, scope, key=len)
        if self._role(name) == "flatten":
            if home:
                self._check_collected(name, home)
                home = home[:-1]
            else:
                self.fault(
                    f"nodes.{name}.inputs", "flatten needs an input from inside a split; there is none around it"
                )
        self.nodes[name] = GraphNode(
            name=name,
            node=self._type(name),
            settings=settings,
            inputs=self.inputs[name],
            needs=tuple(self.needs[name]),
            home=home,
            digest=_digest(settings),
            when=self._expression(settings.when, f"nodes.{name}.when", set(settings.inputs)),
            until=self._until(settings, name),
        )

    def _check_collected(self, name: str, inner: Scope) -> None:
        for key, reference in self.inputs[name].items():
            if not reference.is_node or _scope_after(self.nodes[reference.root]) != inner:
                self.fault(f"nodes.{name}.inputs.{key}", f"flatten collects a value from inside {inner[-1]!r}")

    def _until(self, settings: NodeSettings, name: str) -> Expression | None:
        if settings.until is None:
            return None
        if self._role(name) in {"flow", "source"}:
            self.fault(f"nodes.{name}.until", f"a {settings.type} node cannot be repeated; repeat a node behind it")
            return None
        known = {OUT, *settings.inputs}
        return self._expression(settings.until.expression, f"nodes.{name}.until.expression", known)

    def _expression(self, source: str | None, path: str, known: set[str]) -> Expression | None:
        if source is None:
            return None
        try:
            compiled = Expression(source)
        except ExpressionError as error:
            self.fault(path, str(error))
            return None
        unknown = sorted(compiled.names - known)
        if unknown:
            self.fault(path, f"{unknown[0]!r} is not known here; known: {', '.join(sorted(known)) or 'nothing'}")
        return compiled

    # Output

    def _output(self, order: list[str]) -> Mapping[str, Reference] | Reference:
        given = self.document.output
        if given is None:
            last = order[-1] if order else next(iter(self.document.nodes))
            return Reference(f"{last}.out", last, OUT, ())
        if isinstance(given, str):
            return self._reference(given, "output") or Reference(given, "input", None, ())
        references = {key: self._reference(text, f"output.{key}") for key, text in given.items()}
        return {key: reference for key, reference in references.items() if reference is not None}

    def _output_scope(self, output: Mapping[str, Reference] | Reference) -> Scope:
        scope: Scope = ()
        for reference in [output] if isinstance(output, Reference) else output.values():
            if not reference.is_node or reference.root not in self.nodes:
                continue
            found = _scope_after(self.nodes[reference.root])
            if scope[: len(found)] != found[: len(scope)]:
                self.fault("output", f"it joins elements of two splits: {scope[-1]!r} and {found[-1]!r}")
            scope = max(scope, found, key=len)
        return scope

    def _check_splits(self, output_scope: Scope) -> None:
        closed = {
            max((_scope_after(self.nodes[need]) for need, _ in node.needs), key=len)[-1]
            for node in self.nodes.values()
            if node.node.role == "flatten" and any(_scope_after(self.nodes[need]) for need, _ in node.needs)
        }
        both = closed & set(output_scope)
        if both:
            split = sorted(both)[0]
            self.fault("output", f"it takes values from inside {split!r}, which is flattened; use the flatten's output")


def _branches(node: Node[Any], settings: NodeSettings) -> tuple[str, ...]:
    if node.role != "condition":
        return ()
    names: tuple[str, ...] = node.branch_names(settings)  # type: ignore[attr-defined]
    return names


def _schema_fault(schema: Any, reference: Reference) -> str | None:
    """An unknown field of an object whose schema lists all of its fields."""
    for part in reference.path:
        if not isinstance(schema, Mapping):
            return None
        if isinstance(part, int):
            schema = schema.get("items")
            continue
        properties = schema.get("properties")
        if not isinstance(properties, Mapping):
            return None
        if part not in properties:
            return f"{reference.root}.out has no field {part!r}; it has {', '.join(properties)}"
        schema = properties[part]
    return None


def _digest(settings: NodeSettings) -> bytes:
    relevant = settings.model_dump(
        mode="json", by_alias=True, exclude={"title", "inputs", "after", "on_error", "retry"}
    )
    return hashlib.blake2b(dumps(relevant).encode(), digest_size=16).digest()


def stored_form(graph: Graph) -> dict[str, Any]:
    """The document of a graph as JSON."""
    return document_json(graph.document)
