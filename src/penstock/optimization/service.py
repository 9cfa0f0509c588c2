"""Optimizations as every face uses them: estimate, start, look, apply."""

from __future__ import annotations

from penstock.optimization.model import (
    Applied,
    Candidate,
    Optimization,
    OptimizationEstimate,
    OptimizationFilter,
    OptimizationRequest,
    Started,
)
from penstock.types import Tenant


class Optimizations:
    """Optimizations of all tenants. Methods that take an id raise `NotFound`, also for another tenant's."""

    async def estimate(self, tenant: Tenant, request: OptimizationRequest) -> OptimizationEstimate:
        """What a request would take at most; nothing is started, and no model asked. Raises as `start` does."""
        raise NotImplementedError

    async def start(self, tenant: Tenant, request: OptimizationRequest) -> Started:
        """Check a request and submit it."""
        raise NotImplementedError

    async def get(self, tenant: Tenant, optimization_id: str) -> Optimization:
        """One of them."""
        raise NotImplementedError

    async def page(
        self, tenant: Tenant, wanted: OptimizationFilter, before: str | None, limit: int
    ) -> list[Optimization]:
        """The newest first, behind an id."""
        raise NotImplementedError

    async def numbered(
        self, tenant: Tenant, wanted: OptimizationFilter, offset: int, limit: int
    ) -> tuple[list[Optimization], int]:
        """Some by their places in the list, and how many there are: for callers with numbers of pages."""
        raise NotImplementedError

    async def candidates(self, tenant: Tenant, optimization_id: str) -> list[Candidate]:
        """What was tried so far, in order."""
        raise NotImplementedError

    async def apply(
        self, tenant: Tenant, optimization_id: str, *, force: bool = False, by: str | None = None
    ) -> Applied:
        """Make a new version of the subject with the optimized instruction; again it gives the same answer."""
        raise NotImplementedError
