"""Prometheus metrics of one process, in a registry of its own."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from penstock.executions.journal import Flush
from penstock.executions.model import Status
from penstock.models.usage import NANOS_PER_USD

CONTENT_TYPE = CONTENT_TYPE_LATEST
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_FLUSH_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_RECORD_BUCKETS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)


class Metrics:
    """What this process counts. Executions are counted in the store, so they survive a restart."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = self._counter(
            "penstock_http_requests",
            "Requests answered, by route template; status 499 means that the client went away.",
            "method",
            "route",
            "status",
        )
        self._request_seconds = self._histogram(
            "penstock_http_request_seconds",
            "Time to answer a request, the waiting of sync calls included.",
            _REQUEST_BUCKETS,
            "route",
        )
        self._executions = Gauge(
            "penstock_executions", "Executions in the store.", ("status",), registry=self._registry
        )
        self._items = self._counter("penstock_items", "Items finished by this process.", "status")
        self._steps = self._counter("penstock_steps", "Steps recorded by this process.", "status")
        self._model_calls = self._counter("penstock_model_calls", "Model calls of recorded steps.")
        self._unpriced_calls = self._counter("penstock_model_calls_unpriced", "Of these, calls of unknown price.")
        self._tokens = self._counter("penstock_model_tokens", "Tokens of model calls.", "direction")
        self._cost = self._counter("penstock_model_cost_usd", "Cost of model calls of known price, in US dollars.")
        self._flush_seconds = self._histogram(
            "penstock_journal_flush_seconds", "Time of a commit of the journal.", _FLUSH_BUCKETS
        )
        self._flush_records = self._histogram(
            "penstock_journal_flush_records", "Steps and items in a commit of the journal.", _RECORD_BUCKETS
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request. Methods that HTTP does not know share one label, since callers make them up."""
        self._requests.labels(method if method in _METHODS else "other", route, status).inc()
        self._request_seconds.labels(route).observe(seconds)

    def flushed(self, flush: Flush) -> None:
        """Count what the journal has committed."""
        self._flush_seconds.observe(flush.seconds)
        self._flush_records.observe(len(flush.steps) + len(flush.items))
        for status, count in Tally(item.status for item in flush.items).items():
            self._items.labels(status).inc(count)
        for status, count in Tally(step.status for step in flush.steps).items():
            self._steps.labels(status).inc(count)
        for usage in (step.usage for step in flush.steps if step.usage.model_calls):
            self._model_calls.inc(usage.model_calls)
            self._unpriced_calls.inc(usage.unpriced_calls)
            self._tokens.labels("input").inc(usage.input_tokens)
            self._tokens.labels("output").inc(usage.output_tokens)
            self._cost.inc(usage.cost_nanos / NANOS_PER_USD)

    def text(self, executions: Mapping[str, int]) -> bytes:
        """Everything in the exposition format; `executions` are those of the store, by status."""
        for status in Status:
            self._executions.labels(status.value).set(executions.get(status.value, 0))
        return generate_latest(self._registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, meaning, labels, buckets=buckets, registry=self._registry)
