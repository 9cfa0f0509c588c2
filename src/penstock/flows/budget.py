"""A budget as flows and calls write it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from penstock.executions.model import Budget
from penstock.flows.nodes.base import DocumentModel
from penstock.models.usage import micros_from_ecu, nanos_from_usd


def _exact(value: Any) -> Any:
    """A number of a document as the decimal that was written there."""
    return str(value) if isinstance(value, float) else value


Amount = Annotated[Decimal, BeforeValidator(_exact), Field(gt=0, le=1_000_000_000, decimal_places=9)]


class BudgetSettings(DocumentModel):
    """What a run may consume in all, its retries included. It pauses before a call that could take it further."""

    usd: Amount | None = None
    """Dollars; every model that is called must have a known price."""
    tokens: Annotated[int | None, Field(gt=0, le=2**53)] = None
    """Of input and output together."""
    ecu: Amount | None = None
    """Compute units."""

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.usd is None and self.tokens is None and self.ecu is None:
            raise ValueError("a budget limits at least one of usd, tokens and ecu")
        return self

    def budget(self) -> Budget:
        """The same in whole units."""
        return Budget(
            nanos=None if self.usd is None else nanos_from_usd(self.usd),
            tokens=self.tokens,
            ecu_micros=None if self.ecu is None else micros_from_ecu(self.ecu),
        )
