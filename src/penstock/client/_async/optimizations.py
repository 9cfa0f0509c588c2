"""Optimizations: better instructions for judges and prompts, found against what people labelled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from penstock.client import calls
from penstock.client._async.handles import AsyncExecutionHandle, ProgressListener
from penstock.client._async.transport import AsyncPages, AsyncTransport
from penstock.client.objects import Execution
from penstock.client.optimization_objects import Applied, Candidate, Candidates, Optimization, OptimizationEstimate

_HERE = "/optimizations"


class AsyncOptimizationHandle(AsyncExecutionHandle):
    """An optimization as it runs: an execution's handle that also knows what was tried and what came of it."""

    async def optimization(self) -> Optimization:
        """The optimization, with its report once it is over."""
        return await self._transport.fetch(calls.get(_path(self.id)), Optimization)

    async def candidates(self) -> tuple[Candidate, ...]:
        """What was tried so far, in order; the first one is the instruction that there was."""
        return (await self._transport.fetch(calls.get(f"{_path(self.id)}/candidates"), Candidates)).data

    async def apply(self, *, force: bool = False) -> Applied:
        """Make a new version of the judge or prompt. See `optimizations.apply`."""
        return await self._transport.fetch(_applying(self.id, force), Applied)


class AsyncOptimizations:
    """`client.optimizations`. The id of one is that of its execution."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        judge: str | None = None,
        *,
        prompt: str | None = None,
        options: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncOptimizationHandle:
        """Look for a better instruction of a judge, or of a saved prompt (ids or names). Returns the handle at once.

        `options` may say `budget` (`"light"`, `"medium"`, `"heavy"`, or a number of metric calls), `reflectionModel`,
        `seed`, `limits`, `judgeVersion`, `concurrency`, `deadlineSeconds`, `metadata` and `webhook`; for a prompt also
        `benchmark`, or `dataset` and `truth`, and `scorer`, `part`, `model` and `promptVersion`. Raises NotFoundError,
        and BadRequestError naming what is wrong: too few labels, a budget that is too small.
        """
        call = calls.start(_HERE, _body(judge, prompt, options), idempotency_key=idempotency_key)
        started = await self._transport.fetch(call, Execution)
        progress = Execution(execution_id=started.execution_id, status=started.status, kind="optimization")
        return AsyncOptimizationHandle(self._transport, progress)

    async def estimate(
        self, judge: str | None = None, *, prompt: str | None = None, options: Mapping[str, Any] | None = None
    ) -> OptimizationEstimate:
        """The most that `create` would take with the same arguments. Nothing is started."""
        call = calls.post(f"{_HERE}/estimate", _body(judge, prompt, options), repeatable=True)
        return await self._transport.fetch(call, OptimizationEstimate)

    async def get(self, optimization_id: str) -> Optimization:
        """One optimization, with its report once it is over. Raises NotFoundError."""
        return await self._transport.fetch(calls.get(_path(optimization_id)), Optimization)

    async def handle(self, optimization_id: str) -> AsyncOptimizationHandle:
        """The handle of an optimization, to wait for it or steer it. Raises NotFoundError."""
        found = await self.get(optimization_id)
        progress = Execution(execution_id=found.execution_id, status=found.status, kind="optimization")
        return AsyncOptimizationHandle(self._transport, progress)

    def list(
        self,
        *,
        kind: Literal["judge", "prompt"] | None = None,
        subject: str | None = None,
        limit: int | None = None,
    ) -> AsyncPages[Optimization]:
        """Optimizations, newest first: all, or those of one kind, or of one judge or prompt (its id or name)."""
        return self._transport.pages(_HERE, Optimization, most=limit, kind=kind, subject=subject)

    async def candidates(self, optimization_id: str) -> tuple[Candidate, ...]:
        """What was tried so far, in order; the first one is the instruction that there was."""
        return (await self._transport.fetch(calls.get(f"{_path(optimization_id)}/candidates"), Candidates)).data

    async def apply(self, optimization_id: str, *, force: bool = False) -> Applied:
        """Make a new version of the judge or prompt with what was found; again, it answers the same.

        Raises ConflictError when it has not succeeded, when it found nothing better, and when the judge or prompt has
        changed since; `force` overrides the last two.
        """
        return await self._transport.fetch(_applying(optimization_id, force), Applied)

    async def save_plot(self, optimization_id: str, path: Path) -> int:
        """Write a picture (SVG) of kappa before and after with its intervals; returns the bytes written.

        Raises ConflictError while there is no report.
        """
        return await self._transport.download(calls.get(f"{_path(optimization_id)}/kappa.svg"), path)

    async def wait_for_completion(
        self,
        optimization: str | AsyncOptimizationHandle,
        timeout: float = 300.0,
        on_progress: ProgressListener | None = None,
        *,
        show_progress: bool = False,
    ) -> Optimization:
        """Wait until one is over, by its id or handle, and return it with its report. See `AsyncExecutionHandle.wait`
        for `timeout` and what is raised."""
        handle = await self.handle(optimization) if isinstance(optimization, str) else optimization
        await handle.wait(timeout, on_progress, show_progress=show_progress)
        return await handle.optimization()


def _body(judge: str | None, prompt: str | None, options: Mapping[str, Any] | None) -> dict[str, Any]:
    named = {"judge": judge, "prompt": prompt}
    return {name: value for name, value in named.items() if value is not None} | dict(options or {})


def _path(optimization_id: str) -> str:
    return f"{_HERE}/{calls.segment(optimization_id)}"


def _applying(optimization_id: str, force: bool) -> calls.Call:
    return calls.post(f"{_path(optimization_id)}/apply{'?force=true' if force else ''}", repeatable=True)
