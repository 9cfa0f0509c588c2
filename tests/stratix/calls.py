"""The calls of traces, judges and what follows from them, as values: the client sends the same whether it waits for the
answer in a thread or in a loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from . import shapes
from .shapes import Shape

S = TypeVar("S", bound=Shape)
T = TypeVar("T")
Body = dict[str, Any]


def unwrapped(body: Body) -> Any:
    """What is under `data` where there is a `status` beside it, else the whole."""
    return body["data"] if "status" in body and "data" in body else body


def data(body: Body) -> Any:
    """What is under `data` where there is that, else the whole."""
    return body.get("data", body)


@dataclass(frozen=True)
class Call(Generic[T]):
    """A request, and how the client reads its answer."""

    method: str
    path: str
    read: Callable[[Body], T]
    what: dict[str, Any] = field(default_factory=dict)


def _ids(body: Body) -> list[str]:
    found = unwrapped(body)
    listed = found if isinstance(found, list) else found["trace_ids"]
    assert all(isinstance(one, str) for one in listed)
    return list(listed)


def _asked(query: Body) -> Body:
    return {"params": {name: str(value) for name, value in query.items()}}


@dataclass(frozen=True)
class Calls:
    """Those of one project; `p` is its path."""

    p: str

    # Traces

    def announce(self, filename: str, size: int) -> Call[str]:
        body = {"filename": filename, "type": "application/json", "size": size}
        return Call("POST", f"{self.p}/traces/upload", lambda found: str(unwrapped(found)["url"]), {"json": body})

    def create_traces(self, filename: str) -> Call[list[str]]:
        return Call("POST", f"{self.p}/traces", _ids, {"json": {"filename": filename}})

    def trace(self, trace_id: str) -> Call[shapes.Trace]:
        return Call("GET", f"{self.p}/traces/{trace_id}", _shape(shapes.Trace))

    def traces(self, **query: Any) -> Call[shapes.Traces]:
        what = _asked({"page": 1, "page_size": 100, **query})
        return Call("GET", f"{self.p}/traces", _shape(shapes.Traces), what)

    def sources(self) -> Call[list[str]]:
        return Call("GET", f"{self.p}/traces/sources", lambda found: list(unwrapped(found)["sources"]))

    def delete_trace(self, trace_id: str) -> Call[bool]:
        return Call("DELETE", f"{self.p}/traces/{trace_id}", lambda _: True)

    # Judges

    def make_judge(self, **body: Any) -> Call[str]:
        """Its id: the client reads the judge anew."""
        return Call("POST", f"{self.p}/judges", lambda found: str(data(found)["id"]), {"json": body})

    def judge(self, judge_id: str) -> Call[shapes.Judge]:
        read = lambda found: shapes.Judge.model_validate(data(found))  # noqa: E731
        return Call("GET", f"{self.p}/judges/{judge_id}", read)

    def judges(self, **query: Any) -> Call[shapes.Judges]:
        what = _asked({"page": 1, "page_size": 100, **query})
        return Call("GET", f"{self.p}/judges", _shape(shapes.Judges), what)

    def update_judge(self, judge_id: str, **body: Any) -> Call[shapes.Handle]:
        return Call("PATCH", f"{self.p}/judges/{judge_id}", _handle, {"json": body})

    def delete_judge(self, judge_id: str) -> Call[shapes.Handle]:
        return Call("DELETE", f"{self.p}/judges/{judge_id}", _handle)

    # Trace evaluations

    def judge_trace(self, trace_id: str, judge_id: str) -> Call[shapes.TraceEvaluation]:
        body = {"trace_id": trace_id, "judge_id": judge_id}
        return Call("POST", f"{self.p}/trace-evaluations", _shape(shapes.TraceEvaluation), {"json": body})

    def trace_evaluation(self, evaluation_id: str) -> Call[shapes.TraceEvaluation]:
        return Call("GET", f"{self.p}/trace-evaluations/{evaluation_id}", _shape(shapes.TraceEvaluation))

    def trace_evaluations(self, **query: Any) -> Call[shapes.TraceEvaluations]:
        what = _asked({"page": 1, "page_size": 20, **query})
        return Call("GET", f"{self.p}/trace-evaluations", _shape(shapes.TraceEvaluations), what)

    def verdict(self, evaluation_id: str) -> Call[shapes.TraceEvaluationResult]:
        path = f"{self.p}/trace-evaluations/{evaluation_id}/results"
        return Call("GET", path, _shape(shapes.TraceEvaluationResult))

    def estimate(self, trace_ids: list[str], judge_id: str) -> Call[shapes.TraceEstimate]:
        body = {"trace_ids": trace_ids, "judge_id": judge_id}
        return Call("POST", f"{self.p}/trace-evaluations/estimate", _shape(shapes.TraceEstimate), {"json": body})

    # Judge optimizations

    def estimate_optimization(self, judge_id: str, budget: str = "medium") -> Call[shapes.OptimizationEstimate]:
        what = {"json": {"judge_id": judge_id, "budget": budget}}
        return Call("POST", f"{self.p}/judge-optimizations/estimate", _shape(shapes.OptimizationEstimate), what)

    def optimize(self, judge_id: str, budget: str = "medium") -> Call[shapes.OptimizationHandle]:
        what = {"json": {"judge_id": judge_id, "budget": budget}}
        return Call("POST", f"{self.p}/judge-optimizations", _shape(shapes.OptimizationHandle), what)

    def optimization(self, optimization_id: str) -> Call[shapes.Optimization]:
        return Call("GET", f"{self.p}/judge-optimizations/{optimization_id}", _shape(shapes.Optimization))

    def optimizations(self, **query: Any) -> Call[shapes.Optimizations]:
        what = _asked({"page": 1, "page_size": 20, **query})
        return Call("GET", f"{self.p}/judge-optimizations", _shape(shapes.Optimizations), what)

    def apply(self, optimization_id: str) -> Call[shapes.Applied]:
        path = f"{self.p}/judge-optimizations/{optimization_id}/apply"
        return Call("POST", path, _shape(shapes.Applied), {"json": {}})


def _shape(shape: type[S]) -> Callable[[Body], S]:
    return lambda body: shape.model_validate(unwrapped(body))


def _handle(body: Body) -> shapes.Handle:
    return shapes.Handle.model_validate(data(body))
