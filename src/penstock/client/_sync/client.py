# Made from ../_async by scripts/unasync.py: change it there.
"""The client: one server, one key, and a resource for each kind of thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from penstock.client import calls
from penstock.client._sync.annotations import Annotations
from penstock.client._sync.benchmarks import Benchmarks
from penstock.client._sync.comparisons import Comparisons
from penstock.client._sync.datasets import Datasets
from penstock.client._sync.evaluations import Evaluations
from penstock.client._sync.executions import Executions
from penstock.client._sync.experiments import Experiments
from penstock.client._sync.flows import Flows
from penstock.client._sync.judges import Judges
from penstock.client._sync.keys import Keys, Secrets
from penstock.client._sync.leaderboards import Leaderboards
from penstock.client._sync.limits import Limits
from penstock.client._sync.members import Members
from penstock.client._sync.models import Models
from penstock.client._sync.optimizations import Optimizations
from penstock.client._sync.pairwise_evaluations import PairwiseEvaluations
from penstock.client._sync.project import Project
from penstock.client._sync.prompts import Prompts
from penstock.client._sync.schedules import Schedules
from penstock.client._sync.scorers import Scorers
from penstock.client._sync.trace_evaluations import TraceEvaluations
from penstock.client._sync.traces import Traces
from penstock.client._sync.transport import Transport
from penstock.client._sync.usage import Usage
from penstock.client._sync.webhooks import Webhooks
from penstock.client.objects import Whoami

if TYPE_CHECKING:
    import httpx2


class Penstock:
    """A client of one Penstock server.

    `url` and `api_key` come from PENSTOCK_URL (else this machine's port 7788) and PENSTOCK_API_KEY when not given.
    `timeout` is in seconds, for an ordinary request; what the server holds on purpose is added to it. A request that
    failed in passing is sent again up to `max_retries` times, with growing pauses; whatever starts work carries an
    idempotency key, so it never starts twice. `transport` replaces the network (httpx2), for tests and embedding.

    Close it when done, or use it in a `with` block.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = 60.0,
        max_retries: int = 5,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._transport = Transport(
            calls.server_url(url),
            calls.auth_headers(api_key),
            timeout_seconds=timeout,
            max_retries=max_retries,
            transport=transport,
        )
        self.executions = Executions(self._transport)
        self.flows = Flows(self._transport, self.executions)
        self.evaluations = Evaluations(self._transport, self.executions)
        self.comparisons = Comparisons(self._transport)
        self.experiments = Experiments(self._transport)
        self.leaderboards = Leaderboards(self._transport)
        self.scorers = Scorers(self._transport)
        self.judges = Judges(self._transport)
        self.annotations = Annotations(self._transport)
        self.trace_evaluations = TraceEvaluations(self._transport)
        self.pairwise_evaluations = PairwiseEvaluations(self._transport)
        self.optimizations = Optimizations(self._transport)
        self.benchmarks = Benchmarks(self._transport)
        self.traces = Traces(self._transport)
        self.datasets = Datasets(self._transport)
        self.prompts = Prompts(self._transport)
        self.schedules = Schedules(self._transport)
        self.models = Models(self._transport)
        self.keys = Keys(self._transport)
        self.secrets = Secrets(self._transport)
        self.members = Members(self._transport)
        self.webhooks = Webhooks(self._transport)
        self.limits = Limits(self._transport)
        self.usage = Usage(self._transport)
        self.project = Project(self._transport)

    @property
    def url(self) -> str:
        """The server's address."""
        return self._transport.url

    def ready(self) -> None:
        """Ask whether the server is able to work. Raises InternalServerError saying what is not, when it is not."""
        self._transport.send(calls.get("/readyz"))

    def whoami(self) -> Whoami:
        """Whose the key is, and what it may do."""
        return self._transport.fetch(calls.get("/whoami"), Whoami)

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()
