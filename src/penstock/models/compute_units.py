"""Compute units (ECU): one measure for what work takes, whatever model does it. Whole millionths inside.

A call takes the work of its purpose and, where the operator's own provider key (or server) pays for the model, what the
model takes: by its price where that is known, else by its tokens. A project that brings its own key pays its provider
itself, so of its calls only Penstock's work counts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from penstock.models.usage import MICROS_PER_ECU, NANOS_PER_USD
from penstock.types import Tenant

Purpose = Literal["inference", "judge", "trace_evaluation", "metric"]
"""What a call is made for. The first call for a verdict on a trace is a `trace_evaluation`, the first for a score of an
optimization a `metric`; further ones for the same are those of a `judge`."""

MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Millionths of a compute unit for one answered call of each purpose, and for what a model takes.

    `usd` is for one dollar of a known price; `million_tokens` for a million tokens, in and out, of a model whose price
    nobody knows.
    """

    inference: int
    judge: int
    trace_evaluation: int
    metric: int
    usd: int
    million_tokens: int

    def work(self, purpose: Purpose) -> int:
        """What Penstock's own part of a call takes."""
        match purpose:
            case "inference":
                return self.inference
            case "judge":
                return self.judge
            case "trace_evaluation":
                return self.trace_evaluation
            case "metric":
                return self.metric

    def call(self, purpose: Purpose, *, operator_pays: bool, tokens: int, nanos: int | None) -> int:
        """What a call takes that consumes so many tokens and nano-dollars (None: its price is not known).

        Rounded up, and never less for more tokens or money: of a worst case it is a worst case.
        """
        work = self.work(purpose)
        if not operator_pays:
            return work
        if nanos is None:
            return work - (-tokens * self.million_tokens // MILLION)
        return work - (-nanos * self.usd // NANOS_PER_USD)


SHIPPED = Rates(
    inference=MICROS_PER_ECU // 100,
    judge=MICROS_PER_ECU // 100,
    trace_evaluation=MICROS_PER_ECU // 50,
    metric=MICROS_PER_ECU // 50,
    usd=100 * MICROS_PER_ECU,
    million_tokens=100 * MICROS_PER_ECU,
)
"""Version 0, where nobody has set others: a unit is about a cent. Executions are pinned to it, so it never changes."""


RatesOf = Callable[[Tenant], Awaitable[Rates]]


async def shipped_rates(tenant: Tenant) -> Rates:
    """The rates of a tenant where nobody keeps any."""
    return SHIPPED


def following(purpose: Purpose) -> Purpose:
    """The purpose of a further call for the same thing: another turn, or a correction."""
    return "inference" if purpose == "inference" else "judge"
