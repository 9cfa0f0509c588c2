"""One item as a job runs it: steps that are checkpointed and tried again, and the elements a splitter makes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.clock import now_ms
from penstock.errors import LimitReached, Problem, StepError, Unavailable
from penstock.executions import paths
from penstock.executions.budget import StepMeter
from penstock.executions.journal import ItemRecord, LeaseLost, StepRecord
from penstock.executions.model import ErrorInfo, ItemStatus
from penstock.executions.presence import Presence
from penstock.executions.retries import RetryPolicy
from penstock.models.meter import Meter
from penstock.models.usage import NOTHING, Usage
from penstock.storage.executions import dumps, loads
from penstock.storage.steps import RecordedStep
from penstock.storage.store import Transaction
from penstock.types import Json, JsonObject

if TYPE_CHECKING:
    from penstock.executions.runner import Run

logger = logging.getLogger(__name__)

DEFAULT_RETRY = RetryPolicy()
MAX_OUTPUT_BYTES = 64 * 1024 * 1024
LOGGED_ITEMS = 100
"""Of so many items the log has what their nodes received; of the others, only that of steps that failed."""
MAX_LOGGED_BYTES = 64 * 1024
STORE_RETRY_SECONDS = 1.0
_STORE_TROUBLE = frozenset({"store_full", "store_read_only", "store_unreachable", "store_error"})
"""Troubles of the store that pass, or that people put right while work waits."""


class ItemFailed(Exception):
    """The item cannot go on; `info` says why."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(info.message)
        self.info = info


class Stopping(Exception):
    """The execution is being stopped, so no step starts any more; the item stays unfinished."""


@dataclass(frozen=True, slots=True)
class StepPolicy:
    """How a step is run. An `effectful` one is on disk before anything that depends on it starts."""

    effectful: bool
    retry: RetryPolicy = DEFAULT_RETRY
    timeout_seconds: float | None = None


@dataclass(slots=True)
class Attempt:
    """What a step may write while it runs: what its calls consume (of failed tries too), and facts for the log."""

    number: int = 0
    meter: Meter = field(default_factory=Meter)
    detail: dict[str, Json] = field(default_factory=dict)

    @property
    def usage(self) -> Usage:
        return self.meter.usage


StepCall = Callable[[Attempt], Awaitable[Json]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one element ended."""

    status: ItemStatus
    output: Json
    error: ErrorInfo | None


class ItemRun:
    """One run of one item. A job's `run_item` receives it, and does each piece of work through `step`."""

    def __init__(self, run: Run, path: str, value: Json, *, input_is_stored: bool) -> None:
        self.path = path
        self.input = value
        self.ordinal = paths.ordinal_of(path)
        self._run = run
        self._input_is_stored = input_is_stored
        self._recorded: dict[tuple[str, int], list[RecordedStep]] = {}
        self._unwritten: list[StepRecord] = []
        self._final: StepRecord | None = None
        self._final_output: Json = None
        self._presence = Presence(run.window, run.flights, run.execution.no, path)

    @property
    def depth(self) -> int:
        return self.path.count(".")

    @property
    def concurrency(self) -> int:
        """How many items of the execution may be under way at once."""
        return self._run.execution.options.concurrency

    @property
    def shown_path(self) -> str:
        return paths.shown(self.path)

    # Steps

    async def step(
        self,
        node: str,
        call: StepCall,
        policy: StepPolicy,
        *,
        fingerprint: str,
        round_: int = 0,
        final: bool = False,
        received: bytes | None = None,
    ) -> Json:
        """Do one piece of work, or take its result from the journal where it was done before.

        `fingerprint` stands for the settings and inputs of the work: only a record with the same one is taken.
        `final` says that the result is the item's output, so that it is kept once. `received` is what the work is
        given, as JSON, for the log. Raises `ItemFailed`.
        """
        replay = self._find(node, round_, fingerprint)
        if replay is not None:
            return self._replayed(replay)
        self._run.may_start()
        meter = self._run.meter()
        attempt = Attempt(meter=meter)
        record = StepRecord(
            path=self.path,
            node=node,
            round=round_,
            generation=self._run.execution.generation,
            status="succeeded",
            fingerprint=fingerprint,
            attempts=0,
            started_at=now_ms(),
            duration_ms=0,
            output=None,
            error=None,
            usage=meter.usage,
            detail=None,
        )
        with self._run.inside(node):
            try:
                output, text = await self._attempts(call, policy, attempt)
            except (asyncio.CancelledError, Stopping):
                record.input = self._kept(received)
                self._abort(record, attempt)
                raise
            except StepError as error:
                record.input = self._kept(received, failed=True)
                info = self._error_info(error, node, attempt.number)
                self._close(record, attempt, "failed", None, info)
                self._unwritten.append(record)
                raise ItemFailed(info) from error
            record.input = self._kept(received)
            self._close(record, attempt, "succeeded", text, None)
            await self._keep(record, output, wait=policy.effectful, final=final)
        return output

    def _kept(self, received: bytes | None, *, failed: bool = False) -> str | None:
        """What a step received, where the log is to have it."""
        if received is None or len(received) > MAX_LOGGED_BYTES:
            return None
        wanted = self._run.execution.options.log_inputs
        first = wanted == "first" and (failed or self.ordinal < LOGGED_ITEMS)
        return received.decode() if first or wanted == "all" else None

    def _find(self, node: str, round_: int, fingerprint: str) -> RecordedStep | None:
        for recorded in reversed(self._recorded.get((node, round_), ())):
            if recorded.fingerprint == fingerprint and (
                recorded.status == "succeeded" or recorded.generation == self._run.execution.generation
            ):
                return recorded
        return None

    def _replayed(self, recorded: RecordedStep) -> Json:
        if recorded.status == "failed":
            raise ItemFailed(msgspec.json.decode(recorded.error or "", type=ErrorInfo))
        value: Json = loads(recorded.output)
        return value

    async def _attempts(self, call: StepCall, policy: StepPolicy, attempt: Attempt) -> tuple[Json, str]:
        delay: float | None
        while True:
            attempt.number += 1
            try:
                with self._run.calls.attempt(attempt.meter, effectful=policy.effectful):
                    output = await self._attempt(call, policy.timeout_seconds, attempt)
                return output, _encoded(output)
            except Unavailable as trouble:
                # Our own store, not the step: it waits until there is room again, and no attempt is lost.
                logger.error("execution %s, item %s waits: %s", self._run.execution.id, self.shown_path, trouble.detail)
                attempt.number -= 1
                delay = STORE_RETRY_SECONDS
            except StepError as error:
                delay = policy.retry.delay_seconds(attempt.number, error, self._run.random)
                if delay is None:
                    raise
                attempt.detail[f"attempt{attempt.number}"] = f"{error.code}: {error.message}"[:500]
            await self._run.rest(delay)
            self._run.may_start()

    async def _attempt(self, call: StepCall, timeout_seconds: float | None, attempt: Attempt) -> Json:
        timeout = asyncio.timeout(timeout_seconds)
        try:
            if timeout_seconds is None:
                return await call(attempt)
            async with timeout:
                return await call(attempt)
        except (StepError, Stopping, ItemFailed, LeaseLost):
            raise
        except Problem as problem:
            if isinstance(problem, Unavailable) and problem.code in _STORE_TROUBLE:
                raise
            retryable = isinstance(problem, LimitReached | Unavailable)
            raise StepError(
                problem.code, problem.detail, retryable=retryable, retry_after_seconds=problem.retry_after_seconds
            ) from problem
        except TimeoutError as error:
            seconds = f": more than {timeout_seconds:g} s" if timeout.expired() else ""
            raise StepError("step_timeout", f"The step took too long{seconds}.", retryable=True) from error
        except Exception as error:
            # A fault in a node's own code must fail its item, not the process; the log says which.
            logger.exception("execution %s, item %s: a step broke", self._run.execution.id, self.shown_path)
            raise StepError("internal_error", f"The step broke: {type(error).__name__}: {error}"[:500]) from error

    def _close(
        self, record: StepRecord, attempt: Attempt, status: str, output: str | None, error: ErrorInfo | None
    ) -> None:
        record.status = status
        record.attempts = attempt.number
        record.duration_ms = now_ms() - record.started_at
        record.output = output
        record.error = None if error is None else dumps(error)
        record.detail = dumps(attempt.detail) if attempt.detail else None
        meter = attempt.meter
        record.model = meter.model
        if isinstance(meter, StepMeter):
            record.held, record.lost = meter.held, meter.lost

    async def _keep(self, record: StepRecord, output: Json, *, wait: bool, final: bool) -> None:
        if final:
            self._final, self._final_output = record, output
        self._unwritten.append(record)
        if wait and not final:
            records, self._unwritten = self._unwritten, []
            await self._run.journal.commit(self._run.holder, records)

    def _abort(self, record: StepRecord, attempt: Attempt) -> None:
        """Cut off in the middle: what was consumed, or may have been, is still recorded."""
        meter = attempt.meter
        held = isinstance(meter, StepMeter) and meter.held != NOTHING
        if meter.usage.model_calls or held:
            self._close(record, attempt, "aborted", None, None)
            self._run.journal.add(self._run.holder, record)

    def _error_info(self, error: StepError, node: str | None, attempts: int) -> ErrorInfo:
        return ErrorInfo(
            code=error.code,
            message=error.message,
            node=node,
            item_index=self.ordinal,
            item_path=self.shown_path,
            retryable=error.retryable,
            attempts=attempts,
            cause=error.cause,
        )

    def failure(self, node: str | None, error: StepError) -> ItemFailed:
        """An `ItemFailed` for something that went wrong outside a step (a reference, a `when`)."""
        return ItemFailed(self._error_info(error, node, 0))

    async def tell(self, kind: str, body: JsonObject, alongside: Callable[[], Transaction[bool]]) -> None:
        """Tell whoever follows the execution of something that is written `alongside`; see `Run.tell`."""
        await self._run.tell(kind, body, alongside)

    # Elements

    async def fan_out(
        self,
        elements: Sequence[Json],
        run_element: Callable[[ItemRun], Awaitable[Json]],
        *,
        label: str | None,
        limit: int,
        first: int = 0,
    ) -> list[Outcome]:
        """Run one nested item for each element, at most `limit` at a time, and return how each ended, in order.

        `first` is the number of the first element. This item gives up its place while its elements work.
        """
        numbered = [(paths.child(self.path, label, first + n), value) for n, value in enumerate(elements)]
        known = await self._run.recorded_elements(numbered)
        self._run.tally.nested += sum(1 for path, _ in numbered if path not in known)
        outcomes: list[Outcome | None] = [None] * len(numbered)

        async def attend(index: int, element: ItemRun) -> None:
            try:
                outcomes[index] = await element.attend(run_element)
            finally:
                slots.release()

        slots = asyncio.Semaphore(limit)
        self._presence.go_away()
        async with asyncio.TaskGroup() as group:
            for index, (path, value) in enumerate(numbered):
                found = known.get(path)
                if found is not None and found.status != ItemStatus.PENDING:
                    outcomes[index] = found
                    continue
                if self._run.stopping is not None:
                    break
                await slots.acquire()
                await self._run.window.acquire(self.depth + 1)
                element = ItemRun(self._run, path, value, input_is_stored=found is not None)
                group.create_task(attend(index, element)).add_done_callback(element.left)
        await self._presence.come_back()
        ended = [outcome for outcome in outcomes if outcome is not None]
        if len(ended) < len(outcomes):
            raise Stopping
        return ended

    async def elements_end(self, label: str | None, count: int) -> None:
        """Say that a splitter makes only so many elements; before a retry, an earlier version may have made more."""
        if self._run.execution.generation:
            low, high = paths.child(self.path, label, count), paths.child(self.path, label, paths.LARGEST_ORDINAL)
            await self._run.forget(low, high + "/")

    def left(self, _: asyncio.Task[Any]) -> None:
        """Its task is over. One cancelled before its first moment was never in it to give its place back."""
        self._presence.leave()

    # The whole item

    async def attend(self, work: Callable[[ItemRun], Awaitable[Json]]) -> Outcome | None:
        """Run the item to its end and record it; None when the execution is stopped before that.

        It starts with a place in the window and gives it back.
        """
        tally = self._run.tally
        started = now_ms()
        tally.begin(self.path, started)
        try:
            if self._run.resumed:
                await self._load_recorded()
            outcome = await self._outcome(work)
            await self._record(outcome, started)
            self._presence.done()
            return outcome
        except Stopping:
            return None
        except LeaseLost:
            self._run.lose()
            return None
        finally:
            tally.end(self.path)
            self._presence.leave()
            # Finished work of an item that is not: it is paid for, so the next run of the item finds it.
            for record in self._unwritten:
                self._run.journal.add(self._run.holder, record)

    async def _load_recorded(self) -> None:
        for step in await self._run.recorded_steps(self.path):
            self._recorded.setdefault((step.node, step.round), []).append(step)

    async def _outcome(self, work: Callable[[ItemRun], Awaitable[Json]]) -> Outcome:
        try:
            await self._presence.take_off()
            return Outcome(ItemStatus.SUCCEEDED, await work(self), None)
        except ItemFailed as failed:
            return Outcome(ItemStatus.FAILED, None, failed.info)
        except StepError as refused:
            return Outcome(ItemStatus.FAILED, None, self._error_info(refused, None, 0))
        except (Stopping, LeaseLost, Unavailable):
            # `Unavailable` of a step has become a `StepError`; this one is the store's, and no fault of the item.
            raise
        except Exception as error:
            # A fault in a job's own code, outside any step: fails the item, not the process; the log says which.
            logger.exception("execution %s, item %s broke", self._run.execution.id, self.shown_path)
            broke = StepError("internal_error", f"The item broke: {type(error).__name__}: {error}"[:500])
            return Outcome(ItemStatus.FAILED, None, self._error_info(broke, None, 0))

    async def _record(self, outcome: Outcome, started: int) -> None:
        final = self._final
        shared = (
            outcome.status == ItemStatus.SUCCEEDED
            and final is not None
            and final in self._unwritten
            and outcome.output is self._final_output
        )
        if final is not None:
            final.output_is_item = shared
        record = ItemRecord(
            path=self.path,
            status=outcome.status,
            input=None if self._input_is_stored else dumps(self.input),
            output=None if shared or outcome.error else dumps(outcome.output),
            error=None if outcome.error is None else dumps(outcome.error),
            started_at=started,
            finished_at=now_ms(),
        )
        records, self._unwritten = self._unwritten, []
        await self._run.journal.commit(self._run.holder, records, record)
        if self.depth == 0:
            self._run.output = final.output if shared and final is not None else record.output


def _encoded(output: Json) -> str:
    try:
        text = dumps(output)
    except (TypeError, ValueError, RecursionError) as error:
        raise StepError("output_not_json", f"The step's output is not JSON: {error}") from error
    if len(text) > MAX_OUTPUT_BYTES:
        raise StepError("output_too_large", f"The step's output is {len(text):,} bytes; {MAX_OUTPUT_BYTES:,} is most.")
    return text


def outcome_of(row: Any) -> Outcome:
    """An outcome from a recorded row: path, status, output, error."""
    status = ItemStatus(row["status"])
    error = row["error"]
    return Outcome(
        status,
        loads(row["output"]) if status == ItemStatus.SUCCEEDED else None,
        None if error is None else msgspec.json.decode(error, type=ErrorInfo),
    )
