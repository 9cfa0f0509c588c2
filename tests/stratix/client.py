"""A client of the other protocol, as strict as its published tables say.

It sends what the released client sends (the paths, queries, bodies and headers of it), unwraps each answer by the rule
of its route, and takes nothing that the released client would stumble over.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from . import calls, shapes
from .calls import Call, Calls
from .shapes import Shape

S = TypeVar("S", bound=Shape)
T = TypeVar("T")
PATIENCE_SECONDS = 60.0
EVERYTHING = {"Accept": "application/json", "Content-Type": "application/json"}


class Refused(Exception):
    """A status that is no success, with the error that the body must have."""

    def __init__(self, response: httpx2.Response) -> None:
        self.status = response.status_code
        self.error = shapes.Refused.model_validate(response.json()["error"])
        self.fields = [fault.path for fault in self.error.details]
        self.code = self.error.code
        self.retry_after = response.headers.get("retry-after")
        assert response.headers["x-request-id"] == self.error.request_id
        assert self.retry_after is None or self.retry_after.isdecimal()
        super().__init__(f"{self.status} {self.error.code}: {self.error.message}")


def success(response: httpx2.Response) -> dict[str, Any]:
    """The body of a success: an object, never a list, and never nothing. Raises `Refused`."""
    if response.status_code >= 300:
        raise Refused(response)
    assert response.status_code == 200
    assert response.headers["x-request-id"]
    body = response.json()
    assert type(body) is dict, f"{response.request.method} {response.request.url} answered {body!r}"
    return body


class Client:
    """One key, in the organization and the first project that it finds."""

    def __init__(self, server: str, key: str, *, bearer: bool = False) -> None:
        prefix = "/dgklmnr" if bearer else ""
        headers = {"Authorization": f"Bearer {key}"} if bearer else {"x-api-key": key}
        self.base = f"{server}/api/v1"
        self.http = httpx2.Client(base_url=self.base + prefix, headers={**EVERYTHING, **headers}, timeout=60)
        try:
            found = self.get("/organizations")["data"]
        except Refused:
            self.close()
            raise
        self.organization = shapes.Organization.model_validate(found[0] if bearer else found)
        self.project_id = self.organization.projects[0].id
        self.o = f"/organizations/{self.organization.id}"
        self.p = f"{self.o}/projects/{self.project_id}"
        self.calls = Calls(self.p)

    def close(self) -> None:
        self.http.close()

    # The wire

    def send(self, method: str, path: str, **what: Any) -> dict[str, Any]:
        return success(self.http.request(method, path, **what))

    def do(self, call: Call[T]) -> T:
        """Send a call, and read its answer as the client does."""
        return call.read(self.send(call.method, call.path, **call.what))

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        return self.send("GET", path, params={name: str(value) for name, value in query.items()})

    def post(self, path: str, body: Any) -> dict[str, Any]:
        return self.send("POST", path, json=body)

    unwrapped = staticmethod(calls.unwrapped)
    data = staticmethod(calls.data)

    def read(self, shape: type[S], value: Any) -> S:
        return shape.model_validate(value)

    # Models

    def models(self, kind: str, **query: str) -> list[shapes.CustomModel | shapes.PublicModel]:
        listed = self.get(f"{self.p}/models", type=kind, **query)["data"]["models"]
        return [self._model(one) for one in listed]

    def model(self, model_id: str) -> shapes.CustomModel | shapes.PublicModel:
        return self._model(self.get(f"{self.p}/models/{model_id}")["data"])

    def _model(self, one: dict[str, Any]) -> shapes.CustomModel | shapes.PublicModel:
        custom = "organization_id" in one
        return self.read(shapes.CustomModel, one) if custom else self.read(shapes.PublicModel, one)

    def set_models(self, ids: list[str]) -> bool:
        return bool(self.data(self.send("PATCH", self.p, json={"models": ids})).get("id"))

    def create_model(self, **body: Any) -> shapes.ModelHandle:
        return self.read(shapes.ModelHandle, self.unwrapped(self.post(f"{self.p}/custom-models", body)))

    def update_model(self, model_id: str, **changes: Any) -> bool:
        return "data" in self.send("PATCH", f"{self.p}/custom-models/{model_id}", json=changes)

    def delete_model(self, model_id: str) -> bool:
        return "data" in self.send("DELETE", f"{self.p}/custom-models/{model_id}")

    # Benchmarks

    def benchmarks(self, kind: str, **query: str) -> list[shapes.CustomBenchmark | shapes.PublicBenchmark]:
        listed = self.get(f"{self.p}/benchmarks", type=kind, **query)["data"]["datasets"]
        return [self._benchmark(one) for one in listed]

    def benchmark(self, benchmark_id: str) -> shapes.CustomBenchmark | shapes.PublicBenchmark:
        return self._benchmark(self.get(f"{self.p}/benchmarks/{benchmark_id}")["data"])

    def _benchmark(self, one: dict[str, Any]) -> shapes.CustomBenchmark | shapes.PublicBenchmark:
        custom = "organization_id" in one
        return self.read(shapes.CustomBenchmark, one) if custom else self.read(shapes.PublicBenchmark, one)

    def set_benchmarks(self, ids: list[str]) -> bool:
        return bool(self.send("PATCH", self.p, json={"datasets": ids}).get("id"))

    def prompts(self, benchmark_id: str, **query: Any) -> shapes.Prompts:
        return self.read(
            shapes.Prompts, self.unwrapped(self.get(f"{self.p}/benchmarks/{benchmark_id}/prompts", **query))
        )

    def upload(self, key: str, path: Path, media_type: str = "application/jsonl") -> str:
        body = {"key": key, "filename": path.name, "type": media_type, "size": path.stat().st_size}
        url: str = self.unwrapped(self.post(f"{self.p}/upload", body))["url"]
        put = httpx2.put(url, content=path.read_bytes(), headers={"Content-Type": media_type}, timeout=60)
        put.raise_for_status()
        return url

    def create_benchmark(self, name: str, path: Path, **more: Any) -> shapes.BenchmarkHandle:
        self.upload(name, path)
        body = {"name": name, "description": "Made by a test.", "file": path.name, **more}
        return self.read(shapes.BenchmarkHandle, self.unwrapped(self.post(f"{self.p}/custom-benchmarks", body)))

    # Evaluations

    def evaluate(self, model_id: str, dataset_id: str, *, custom: bool = True) -> shapes.Evaluation:
        body = {
            "model_id": model_id,
            "dataset_id": dataset_id,
            "is_custom_model": False,
            "is_custom_dataset": custom,
        }
        return self.read(shapes.Evaluation, self.post(f"{self.p}/evaluations", [body])["data"][0])

    def evaluation(self, evaluation_id: str) -> shapes.Evaluation:
        return self.read(shapes.Evaluation, self.get(f"/evaluations/{evaluation_id}"))

    def evaluations(self, **query: Any) -> shapes.Evaluations:
        mine = {"organization_id": self.organization.id, "project_id": self.project_id, "page": 1, "page_size": 100}
        return self.read(shapes.Evaluations, self.get("/evaluations", **{**mine, **query}))

    def wait(self, evaluation_id: str) -> shapes.Evaluation:
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not (found := self.evaluation(evaluation_id)).finished:
            assert time.monotonic() < give_up, found
            time.sleep(0.05)
        return found

    def results(self, evaluation_id: str, page: int = 1, page_size: int = 100) -> shapes.Results:
        return self.read(
            shapes.Results, self.get("/results", evaluation_id=evaluation_id, page=page, page_size=page_size)
        )

    def all_results(self, evaluation_id: str, size: int = 100) -> list[shapes.Result]:
        """Page after page until as many are there as the first page says."""
        first = self.results(evaluation_id, 1, size)
        found, number = first.results, 1
        while number * size < first.metrics.total_count:
            number += 1
            found = found + self.results(evaluation_id, number, size).results
        return found

    def compare(self, first: str, second: str, **query: Any) -> shapes.Comparison:
        found = self.get("/results/comparison", evaluation_id_1=first, evaluation_id_2=second, **query)
        return self.read(shapes.Comparison, found)

    # Scorers, spaces, integrations

    def scorers(self, **query: Any) -> shapes.Scorers:
        return self.read(shapes.Scorers, self.unwrapped(self.get(f"{self.p}/scorers", **query)))

    def scorer(self, scorer_id: str) -> shapes.Scorer:
        return self.read(shapes.Scorer, self.unwrapped(self.get(f"{self.p}/scorers/{scorer_id}")))

    def create_scorer(self, **body: Any) -> shapes.Scorer:
        return self.read(shapes.Scorer, self.unwrapped(self.post(f"{self.p}/scorers", body)))

    def spaces(self, **query: Any) -> shapes.Spaces:
        return self.read(shapes.Spaces, self.unwrapped(self.get(f"{self.p}/evaluation-spaces", **query)))

    def space(self, id_or_slug: str) -> shapes.Space:
        return self.read(shapes.Space, self.unwrapped(self.get(f"{self.p}/evaluation-spaces/{id_or_slug}")))

    def create_space(self, **body: Any) -> shapes.Space:
        return self.read(shapes.Space, self.unwrapped(self.post(f"{self.p}/evaluation-spaces", body)))

    def integrations(self) -> list[shapes.Integration]:
        listed = self.unwrapped(self.get(f"{self.o}/integrations", page=1, page_size=100))
        return [self.read(shapes.Integration, one) for one in listed]

    # Traces and judges

    def upload_traces(self, name: str, content: str | bytes) -> list[str]:
        """The ids of the traces in a file, in order: announced, put, and then made of."""
        body = content.encode() if isinstance(content, str) else content
        url = self.do(self.calls.announce(name, len(body)))
        httpx2.put(url, content=body, headers={"Content-Type": "application/json"}, timeout=60).raise_for_status()
        return self.do(self.calls.create_traces(name))

    def create_judge(
        self, name: str, goal: str = "Is the answer polite to whoever asked?", **more: Any
    ) -> shapes.Judge:
        """Made, and then read."""
        made = self.do(self.calls.make_judge(name=name, evaluation_goal=goal, **more))
        return self.do(self.calls.judge(made))

    def wait_for_verdict(self, evaluation_id: str) -> shapes.TraceEvaluationResult | None:
        """The result when it has come; None when it has not, and will not."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while not (found := self.do(self.calls.trace_evaluation(evaluation_id))).finished:
            assert time.monotonic() < give_up, found
            time.sleep(0.05)
        try:
            return self.do(self.calls.verdict(evaluation_id))
        except Refused as refused:
            if refused.status != 404:
                raise
            return None
