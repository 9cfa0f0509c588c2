# Made from ../_async by scripts/unasync.py: change it there.
"""Schedules: flows that the server starts by the clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from penstock.client import calls
from penstock.client._sync.handles import ExecutionHandle
from penstock.client._sync.transport import Transport
from penstock.client.objects import DueTime, Execution, Firing, Preview, Schedule
from penstock.client.options import RunOptions, ScheduleOptions


class Schedules:
    """`client.schedules`. A schedule is named by its id or its name."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        flow: str,
        cron: str,
        *,
        inputs: Sequence[Mapping[str, Any]] | None = None,
        dataset: str | None = None,
        run: RunOptions | None = None,
        options: ScheduleOptions | None = None,
    ) -> Schedule:
        """Run a flow whenever `cron` is due: five fields, or `@hourly`, `@daily` and the like.

        It runs on many `inputs`, or on the rows of a `dataset` as they are at that time; `run` says how, as in
        `flows.run`. `options` are the time zone, and what to do about overlapping and missed due times. Raises
        BadRequestError naming what is wrong, also in what the flow would be given.
        """
        source: dict[str, Any] = {"inputs": inputs, "dataset": dataset}
        work = {key: value for key, value in source.items() if value is not None} | (run or RunOptions()).body()
        body = {"name": name, "flow": flow, "cron": cron, "run": work, **(options or ScheduleOptions()).body()}
        return self._transport.fetch(calls.post("/schedules", body), Schedule)

    def judge(
        self,
        name: str,
        judges: Sequence[str],
        cron: str,
        *,
        judging: Mapping[str, Any] | None = None,
        options: ScheduleOptions | None = None,
    ) -> Schedule:
        """Have judges (ids or names) judge, whenever `cron` is due, the traces that have come since the last time.

        `judging` may say `filter`, `sample` (`{"rate": 0.1}`), `thresholds`, `budget` and `concurrency`, as for
        `trace_evaluations.create`.
        """
        work = {"judges": [*judges], **(judging or {})}
        body = {"name": name, "cron": cron, "judging": work, **(options or ScheduleOptions()).body()}
        return self._transport.fetch(calls.post("/schedules", body), Schedule)

    def get(self, schedule: str) -> Schedule:
        """One schedule. Raises NotFoundError."""
        return self._transport.fetch(calls.get(_path(schedule)), Schedule)

    def list(self) -> Iterator[Schedule]:
        """Every schedule of the project, by name."""
        return self._transport.pages("/schedules", Schedule)

    def update(self, schedule: str, changes: Mapping[str, Any]) -> Schedule:
        """Change parts of it, by their names on the wire: `{"cron": "0 6 * * *", "overlap": "queue"}`."""
        return self._transport.fetch(calls.patch(_path(schedule), changes), Schedule)

    def pause(self, schedule: str) -> Schedule:
        """Fire no more until it is resumed. What passes meanwhile is not missed."""
        return self.update(schedule, {"enabled": False})

    def resume(self, schedule: str) -> Schedule:
        """Fire again, from the next due time on."""
        return self.update(schedule, {"enabled": True})

    def run(self, schedule: str, *, idempotency_key: str | None = None) -> ExecutionHandle:
        """Run it once more now, beside its due times; returns the handle."""
        call = calls.start(f"{_path(schedule)}/run", idempotency_key=idempotency_key)
        return ExecutionHandle(self._transport, self._transport.fetch(call, Execution))

    def firings(self, schedule: str, *, limit: int | None = None) -> Iterator[Firing]:
        """What came of its due times, newest first: all that are kept, or the first `limit`."""
        return self._transport.pages(f"{_path(schedule)}/firings", Firing, most=limit)

    def preview(self, cron: str, timezone: str = "UTC", *, count: int = 5) -> tuple[DueTime, ...]:
        """The next due times of an expression. Raises BadRequestError saying what is wrong with it."""
        body = {"cron": cron, "timezone": timezone, "count": count}
        return (self._transport.fetch(calls.post("/schedules/preview", body, repeatable=True), Preview)).due

    def delete(self, schedule: str) -> None:
        """Delete a schedule. The executions it started are kept."""
        self._transport.send(calls.delete(_path(schedule)))


def _path(schedule: str) -> str:
    return f"/schedules/{calls.segment(schedule)}"
