"""Judging what has come since the last time: what a schedule of judges runs when it is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from penstock.errors import Conflict
from penstock.executions.model import Submission
from penstock.judges.choosing import Chosen, sampled
from penstock.judges.evaluations import TraceEvaluations
from penstock.judges.requests import MAX_VERDICTS, TraceEvaluationRequest
from penstock.storage import trace_evaluations as rows
from penstock.storage.store import Store, Transaction
from penstock.storage.trace_pages import Condition
from penstock.traces.reading import TraceReader
from penstock.types import Tenant

REST_MS = 60_000
"""A trace to which something came more recently may not be whole yet; it and those after it are left for next time."""
LONGEST_WAIT_MS = 3_600_000
"""One that goes on for longer is judged as it is."""


class NothingNew(Conflict):
    """No trace has come that is to be judged."""


class NewTraces:
    """Judges each trace of a project once for each schedule. `now` gives milliseconds since 1970."""

    def __init__(
        self, store: Store, reader: TraceReader, evaluations: TraceEvaluations, now: Callable[[], int]
    ) -> None:
        self._store = store
        self._reader = reader
        self._evaluations = evaluations
        self._now = now

    async def check(self, tenant: Tenant, request: TraceEvaluationRequest) -> None:
        """Raises what `TraceEvaluations.start` would for the judges, before any trace is there."""
        await self._evaluations.pin(tenant, request)

    async def submission(
        self, tenant: Tenant, schedule_id: str, since: int, request: TraceEvaluationRequest
    ) -> Submission:
        """The traces that came since the schedule's last time (since a moment the first time), ready to be judged.

        That they are taken is noted in the transaction that accepts them: none is judged twice, and none is lost.
        Raises `NothingNew`, and what `TraceEvaluations.submission` does.
        """
        before = await self._store.read(rows.judged_up_to(tenant, schedule_id))
        after = before or f"{since:012x}".ljust(24, "0")
        now, most = self._now(), MAX_VERDICTS // len(request.judges)
        found, _ = await self._store.read(rows.new_traces(tenant, after, now - REST_MS, now - LONGEST_WAIT_MS, most))
        if not found:
            raise NothingNew("nothing_new", "No trace has come since the last time that is at rest.")
        last = found[-1][0]
        taken = sampled(await self._filtered(tenant, request, found, after), request.sampling)
        if not taken:
            await self._store.write(rows.judge_up_to(tenant, schedule_id, before, last))
            raise NothingNew("nothing_new", f"None of the {len(found):,} new traces is to be judged.")
        submission = await self._evaluations.submission(tenant, replace(request, filter=None), taken)
        theirs = submission.alongside

        def alongside(execution_id: str) -> Transaction[None]:
            if not (yield from rows.judge_up_to(tenant, schedule_id, before, last)):
                raise NothingNew("nothing_new", "Another firing has just taken the new traces.")
            if theirs is not None:
                yield from theirs(execution_id)

        return replace(submission, alongside=alongside)

    async def _filtered(
        self, tenant: Tenant, request: TraceEvaluationRequest, found: list[tuple[str, str]], after: str
    ) -> list[Chosen]:
        if request.filter is None:
            return [Chosen(*one) for one in found]
        within = (*request.filter.also, Condition("id > ?", (after,)), Condition("id <= ?", (found[-1][0],)))
        wanted = replace(request.filter, also=within)
        known = {one[0] for one in found}
        pages = self._reader.every(tenant, wanted)
        return [Chosen(trace.id, trace.name) async for page in pages for trace in page if trace.id in known]
