"""The client: one server, one key, and a resource for each kind of thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from penstock.client import calls
from penstock.client._async.annotations import AsyncAnnotations
from penstock.client._async.benchmarks import AsyncBenchmarks
from penstock.client._async.comparisons import AsyncComparisons
from penstock.client._async.datasets import AsyncDatasets
from penstock.client._async.evaluations import AsyncEvaluations
from penstock.client._async.executions import AsyncExecutions
from penstock.client._async.experiments import AsyncExperiments
from penstock.client._async.flows import AsyncFlows
from penstock.client._async.judges import AsyncJudges
from penstock.client._async.keys import AsyncKeys, AsyncSecrets
from penstock.client._async.leaderboards import AsyncLeaderboards
from penstock.client._async.limits import AsyncLimits
from penstock.client._async.members import AsyncMembers
from penstock.client._async.models import AsyncModels
from penstock.client._async.optimizations import AsyncOptimizations
from penstock.client._async.pairwise_evaluations import AsyncPairwiseEvaluations
from penstock.client._async.project import AsyncProject
from penstock.client._async.prompts import AsyncPrompts
from penstock.client._async.schedules import AsyncSchedules
from penstock.client._async.scorers import AsyncScorers
from penstock.client._async.trace_evaluations import AsyncTraceEvaluations
from penstock.client._async.traces import AsyncTraces
from penstock.client._async.transport import AsyncTransport
from penstock.client._async.usage import AsyncUsage
from penstock.client._async.webhooks import AsyncWebhooks
from penstock.client.objects import Whoami

if TYPE_CHECKING:
    import httpx2


class AsyncPenstock:
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
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._transport = AsyncTransport(
            calls.server_url(url),
            calls.auth_headers(api_key),
            timeout_seconds=timeout,
            max_retries=max_retries,
            transport=transport,
        )
        self.executions = AsyncExecutions(self._transport)
        self.flows = AsyncFlows(self._transport, self.executions)
        self.evaluations = AsyncEvaluations(self._transport, self.executions)
        self.comparisons = AsyncComparisons(self._transport)
        self.experiments = AsyncExperiments(self._transport)
        self.leaderboards = AsyncLeaderboards(self._transport)
        self.scorers = AsyncScorers(self._transport)
        self.judges = AsyncJudges(self._transport)
        self.annotations = AsyncAnnotations(self._transport)
        self.trace_evaluations = AsyncTraceEvaluations(self._transport)
        self.pairwise_evaluations = AsyncPairwiseEvaluations(self._transport)
        self.optimizations = AsyncOptimizations(self._transport)
        self.benchmarks = AsyncBenchmarks(self._transport)
        self.traces = AsyncTraces(self._transport)
        self.datasets = AsyncDatasets(self._transport)
        self.prompts = AsyncPrompts(self._transport)
        self.schedules = AsyncSchedules(self._transport)
        self.models = AsyncModels(self._transport)
        self.keys = AsyncKeys(self._transport)
        self.secrets = AsyncSecrets(self._transport)
        self.members = AsyncMembers(self._transport)
        self.webhooks = AsyncWebhooks(self._transport)
        self.limits = AsyncLimits(self._transport)
        self.usage = AsyncUsage(self._transport)
        self.project = AsyncProject(self._transport)

    @property
    def url(self) -> str:
        """The server's address."""
        return self._transport.url

    async def ready(self) -> None:
        """Ask whether the server is able to work. Raises InternalServerError saying what is not, when it is not."""
        await self._transport.send(calls.get("/readyz"))

    async def whoami(self) -> Whoami:
        """Whose the key is, and what it may do."""
        return await self._transport.fetch(calls.get("/whoami"), Whoami)

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *reason: object) -> None:
        await self.close()
