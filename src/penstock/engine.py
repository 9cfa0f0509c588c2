"""One Penstock process: everything that runs, wired together once.

engine = await Engine.open(settings)
await engine.start()
...
await engine.stop()
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from penstock.accounts.compute_units.service import ComputeUnits
from penstock.accounts.integrations import Integrations
from penstock.accounts.limits import ProjectLimits
from penstock.accounts.project_sets import ProjectSets
from penstock.accounts.project_settings import ProjectSettings
from penstock.accounts.secrets import SecretVault, load_master_key
from penstock.clock import now_ms, wall_ms
from penstock.datasets.service import Datasets
from penstock.errors import Unavailable
from penstock.evaluations.benchmarks.service import BenchmarkService
from penstock.evaluations.benchmarks.smart.job import KIND as DRAFT
from penstock.evaluations.benchmarks.smart.service import Drafts
from penstock.evaluations.comparisons import Comparisons
from penstock.evaluations.estimates import Estimates
from penstock.evaluations.experiments import Experiments
from penstock.evaluations.leaderboards import Leaderboards
from penstock.evaluations.model import KIND as EVALUATION
from penstock.evaluations.pinning import Pinner
from penstock.evaluations.scorers.library import ScorerLibrary
from penstock.evaluations.service import EvaluationService, World
from penstock.executions.dispatch import Dispatcher
from penstock.executions.flights import Flights
from penstock.executions.job import OpenJob
from penstock.executions.journal import Flush, Journal
from penstock.executions.service import ExecutionService
from penstock.executions.signals import Signals
from penstock.flows.library import FlowLibrary
from penstock.flows.prompts import PromptLibrary
from penstock.flows.service import KIND as FLOW
from penstock.flows.service import FlowService
from penstock.flows.services import Services
from penstock.judges import scorer as judge_scorer
from penstock.judges.annotations import Annotations
from penstock.judges.evaluations import TraceEvaluations
from penstock.judges.evaluations import World as JudgedWorld
from penstock.judges.model import KIND as TRACE_EVALUATION
from penstock.judges.pairwise.choosing import Pairs
from penstock.judges.pairwise.requests import KIND as PAIRWISE_EVALUATION
from penstock.judges.pairwise.service import PairwiseEvaluations
from penstock.judges.service import Judges
from penstock.judges.watching import NewTraces
from penstock.models.cache import ModelCache
from penstock.models.catalog import Catalog
from penstock.models.gateway import Gateway
from penstock.models.prices import Prices
from penstock.net.client import GuardedClient
from penstock.net.policy import EgressPolicy
from penstock.optimization.judge_target import JudgeTargets
from penstock.optimization.model import KIND as OPTIMIZATION
from penstock.optimization.prompt_target import PromptTargets
from penstock.optimization.service import Optimizations
from penstock.optimization.service import World as OptimizedWorld
from penstock.ownership import FolderLock
from penstock.queue.gate import Gate
from penstock.queue.local import Places
from penstock.retention.keeper import Keeper
from penstock.retention.policy import RetentionSettings
from penstock.sandbox.runner import Sandbox
from penstock.schedules.scheduler import Scheduler
from penstock.schedules.service import Schedules
from penstock.schedules.work import Work
from penstock.settings import Settings
from penstock.storage.deliveries import delete_some as forget_deliveries
from penstock.storage.evaluations import forget_orphans as forget_evaluations
from penstock.storage.migrations import migrate
from penstock.storage.model_cache import forget_some as forget_answers
from penstock.storage.optimizations import forget_orphans as forget_optimizations
from penstock.storage.retention import forget_firings
from penstock.storage.sqlite import SqliteStore
from penstock.storage.store import Store
from penstock.storage.trace_evaluations import forget_orphans as forget_trace_evaluations
from penstock.traces.batches import KIND as INGESTION
from penstock.traces.batches import TraceBatches
from penstock.traces.ingestion import Ingestion
from penstock.traces.reading import TraceReader
from penstock.webhooks.announcing import tell
from penstock.webhooks.policy import SCHEDULE_SECONDS, DeliveryPolicy
from penstock.webhooks.service import Webhooks

FLIGHTS = "flights"
"""The file of the data folder that says which items are under way."""
WAITING_BODIES = 2
"""So many of the largest requests with spans may be in memory at once."""
TRACE_FILES = "trace-batches"
"""The folder of uploaded files of traces that are being read."""
RESERVED_SHARE = 8
"""One place in so many is kept free for callers who wait."""


@dataclass
class Engine:
    """What a process serves and runs. `worker=False` accepts work and leaves running it to another process."""

    settings: Settings
    store: Store
    services: Services
    catalog: Catalog
    journal: Journal
    dispatcher: Dispatcher
    executions: ExecutionService
    library: FlowLibrary
    flows: FlowService
    evaluations: EvaluationService
    limits: ProjectLimits
    compute_units: ComputeUnits
    webhooks: Webhooks
    lock: FolderLock | None
    judges: Judges = field(init=False)
    trace_evaluations: TraceEvaluations = field(init=False)
    pairwise_evaluations: PairwiseEvaluations = field(init=False)
    optimizations: Optimizations = field(init=False)
    drafts: Drafts = field(init=False)
    scheduler: Scheduler = field(init=False)
    schedules: Schedules = field(init=False)
    keeper: Keeper = field(init=False)
    experiments: Experiments = field(init=False)
    leaderboards: Leaderboards = field(init=False)
    comparisons: Comparisons = field(init=False)
    ingestion: Ingestion = field(init=False)
    trace_batches: TraceBatches = field(init=False)

    def __post_init__(self) -> None:
        self._judge()
        limits = self.settings.limits
        self.drafts = Drafts(self.store, self.executions, self.services, self.benchmarks, limits)
        forget = forget_deliveries, forget_firings
        expiring = forget_answers, forget_evaluations, forget_trace_evaluations, forget_optimizations
        self.keeper = Keeper(self.store, limits.retention_days, forget, expiring)
        work = Work(self.flows, NewTraces(self.store, self.traces, self.trace_evaluations, now_ms))
        self.scheduler = Scheduler(self.store, work, self.executions, wall_ms)
        self.schedules = Schedules(
            self.store, self.library, work, self.executions, now=wall_ms, changed=self.scheduler.look_soon
        )
        self.ingestion = Ingestion(self.store, WAITING_BODIES * limits.max_otlp_bytes)
        self.trace_batches = TraceBatches(
            self.store, self.executions, self.ingestion, limits, self.settings.data_dir / TRACE_FILES
        )
        self.comparisons = Comparisons(self.store, self.evaluations)
        self.experiments = Experiments(self.store, self.evaluations)
        self.leaderboards = Leaderboards(self.store, self.evaluations, self.benchmarks, self.catalog.public)

    def _judge(self) -> None:
        """What judges, what judges are asked about, and what makes them better."""
        store, executions, models, limits = self.store, self.executions, self.gateway, self.settings.limits
        self.judges = judges = Judges(store, self.catalog)
        self.scorers.fills[judge_scorer.KIND] = judge_scorer.fill_with(judges)
        self.trace_evaluations = TraceEvaluations(JudgedWorld(store, executions, judges, self.traces, models, limits))
        pairs = Pairs(store, self.traces)
        self.pairwise_evaluations = PairwiseEvaluations(executions, judges, pairs, models, limits)
        targets = (
            JudgeTargets(judges, self.annotations, self.traces, models),
            PromptTargets(self.services, self.evaluations.pinner),
        )
        self.optimizations = Optimizations(
            OptimizedWorld(store, executions, models, {one.name: one for one in targets}, limits)
        )

    @property
    def jobs(self) -> dict[str, OpenJob]:
        """What opens the job of an execution, for each kind there is."""
        return {
            FLOW: self.flows.open_job,
            EVALUATION: self.evaluations.open_job,
            DRAFT: self.drafts.open_job,
            TRACE_EVALUATION: self.trace_evaluations.open_job,
            PAIRWISE_EVALUATION: self.pairwise_evaluations.open_job,
            OPTIMIZATION: self.optimizations.open_job,
            INGESTION: self.trace_batches.open_job,
        }

    @property
    def retention(self) -> RetentionSettings:
        return RetentionSettings(self.store)

    @property
    def project_sets(self) -> ProjectSets:
        return ProjectSets(self.store)

    @property
    def project_settings(self) -> ProjectSettings:
        return ProjectSettings(self.store)

    @property
    def model_cache(self) -> ModelCache:
        return ModelCache(self.store, self.settings.limits.model_cache_days)

    @property
    def integrations(self) -> Integrations:
        return Integrations(self.store, self.services.http, self.secrets)

    @property
    def benchmarks(self) -> BenchmarkService:
        return self.evaluations.pinner.benchmarks

    @property
    def scorers(self) -> ScorerLibrary:
        return self.evaluations.pinner.scorers

    @property
    def evaluation_estimates(self) -> Estimates:
        return Estimates(self.evaluations.pinner, self.services.models)

    @property
    def annotations(self) -> Annotations:
        return Annotations(self.store, self.judges)

    @property
    def traces(self) -> TraceReader:
        return TraceReader(self.store)

    @property
    def datasets(self) -> Datasets:
        return self.services.datasets

    @property
    def prompts(self) -> PromptLibrary:
        return self.services.prompts

    @property
    def secrets(self) -> SecretVault:
        return self.services.secrets

    @property
    def gateway(self) -> Gateway:
        return self.services.models

    @classmethod
    async def open(
        cls,
        settings: Settings,
        *,
        worker: bool = True,
        url: str | None = None,
        on_flush: Callable[[Flush], None] | None = None,
    ) -> Engine:
        """Open the store, bring it to this version, and wire everything; nothing runs yet.

        `url` is where this process will serve, told to whoever else wants the folder; None: it serves nobody. Raises
        `Unavailable` when the store cannot be used, `Conflict` when another process runs this data folder.
        """
        lock = _take_folder(settings, url) if worker else None
        try:
            store = await _open_store(settings)
            try:
                return cls._wire(settings, store, lock, worker=worker, on_flush=on_flush)
            except BaseException:
                await store.close()
                raise
        except BaseException:
            if lock is not None:
                lock.release()
            raise

    @classmethod
    def _wire(
        cls,
        settings: Settings,
        store: Store,
        lock: FolderLock | None,
        *,
        worker: bool,
        on_flush: Callable[[Flush], None] | None,
    ) -> Engine:
        limits = settings.limits
        project_limits = ProjectLimits(store)
        vault = SecretVault(store, load_master_key(settings.data_dir))
        catalog = Catalog(store, encrypt=vault.encrypt, decrypt=vault.decrypt, environment=os.environ)
        http = GuardedClient(_egress_policy(settings))
        compute_units = ComputeUnits(store, tell)
        services = Services(
            models=Gateway(http, catalog, Prices(), compute_units.rates.of),
            http=http,
            datasets=Datasets(store),
            secrets=vault,
            prompts=PromptLibrary(store),
            sandbox=Sandbox(),
        )
        jobs: dict[str, OpenJob] = {}
        journal = Journal(store, on_flush)
        places = Places(limits.max_running_executions, limits.max_running_executions // RESERVED_SHARE)
        dispatcher = Dispatcher(
            store,
            journal,
            Signals(),
            jobs,
            places,
            works=worker,
            limits_of=project_limits.of,
            gate=Gate(limits.max_items_in_flight),
            flights=Flights(settings.data_dir / FLIGHTS if worker else None, max_crashes=limits.max_item_crashes),
            charging=compute_units.ledger,
        )
        executions = ExecutionService(store, dispatcher, max_queued=limits.max_queued_executions)
        library = FlowLibrary(store)
        flows = FlowService(store, library, executions, services, limits)
        benchmarks = BenchmarkService(store, services.datasets)
        pinner = Pinner(benchmarks, ScorerLibrary(store, catalog.default_model), catalog, services.prompts, flows)
        cache = ModelCache(store, limits.model_cache_days)
        evaluations = EvaluationService(World(store, executions, services, flows, pinner, limits, cache))
        schedule = DeliveryPolicy(settings.webhook_schedule_seconds or SCHEDULE_SECONDS)
        webhooks = Webhooks.wire(store, http, vault, executions, schedule)
        engine = cls(
            settings=settings,
            store=store,
            services=services,
            catalog=catalog,
            journal=journal,
            dispatcher=dispatcher,
            executions=executions,
            library=library,
            flows=flows,
            evaluations=evaluations,
            limits=project_limits,
            compute_units=compute_units,
            webhooks=webhooks,
            lock=lock,
        )
        jobs |= engine.jobs
        return engine

    async def start(self, *, fires_schedules: bool = True) -> None:
        """Begin to run: first what an earlier process left unfinished.

        A process that ends with its one command fires no schedules: they are for one that stays.
        """
        await self.dispatcher.flights.recover(self.store)
        self.journal.start()
        self.dispatcher.start()
        if fires_schedules and self.dispatcher.works:
            self.scheduler.start()
        if self.dispatcher.works:
            await self.trace_batches.sweep()
            self.webhooks.dispatcher.start()
            self.keeper.start()

    async def stop(self) -> None:
        """Park what runs, write what is finished, and let go of everything."""
        await self.scheduler.stop()
        await self.keeper.stop()
        await self.trace_batches.close()
        grace = self.settings.limits.shutdown_grace_seconds
        await asyncio.gather(self.dispatcher.stop(grace), self.webhooks.dispatcher.stop())
        await self.journal.close()
        self.dispatcher.flights.close()
        await self.services.models.close()
        await self.services.sandbox.close()
        await self.services.http.close()
        await self.store.close()
        if self.lock is not None:
            self.lock.release()


def _egress_policy(settings: Settings) -> EgressPolicy:
    try:
        return EgressPolicy(settings.allowed_networks)
    except ValueError as error:
        raise Unavailable("setting_invalid", f"PENSTOCK_ALLOWED_NETWORKS: {error}.") from error


def _take_folder(settings: Settings, url: str | None) -> FolderLock:
    _make_folder(settings)
    return FolderLock.take(settings.data_dir, url)


def _make_folder(settings: Settings) -> None:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Unavailable(
            "data_folder_unusable", f"The data folder {settings.data_dir} cannot be made: {error.strerror}."
        ) from error


async def _open_store(settings: Settings) -> Store:
    if settings.database_url is not None:
        raise Unavailable(
            "database_unsupported", "This version keeps its data in SQLite only; unset PENSTOCK_DATABASE_URL."
        )
    _make_folder(settings)
    store = SqliteStore(settings.database_path, synchronous=settings.synchronous)
    try:
        await migrate(store)
    except BaseException:
        await store.close()
        raise
    return store
