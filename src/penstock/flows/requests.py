"""What a run over many inputs is asked for, as JSON: by a call that starts it, or by a schedule that will."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from penstock.errors import FieldError, Invalid
from penstock.executions.model import ErrorPolicy, MaxFailed
from penstock.flows.budget import BudgetSettings
from penstock.flows.definition import MaxFailedPolicy
from penstock.flows.nodes.dataset_source import DatasetSource, DatasetSourceSettings, SelectionSettings
from penstock.flows.service import RunRequest


class RunWork(BaseModel):
    """What to run, and how. What is left out takes the flow's own settings."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    inputs: list[Any] | None = Field(None, min_length=1, description="One item each.")
    dataset: str | None = Field(None, min_length=1, description="Id or name; each row is an item.")
    selection: SelectionSettings | None = Field(None, description="Which rows: `ids`, `first`, `random` or `percent`.")
    filter: str | None = Field(None, max_length=20_000, description="An expression over a row's columns.")
    version: int | None = Field(None, ge=1, le=2**31 - 1, description="The deployed one by default.")
    concurrency: int | None = Field(None, ge=1)
    deadline_seconds: float | None = Field(None, gt=0)
    on_item_error: Literal["continue", "failFast"] | MaxFailedPolicy | None = None
    metadata: dict[str, Any] | None = Field(None, description="Kept with the execution.")
    webhook: str | None = Field(None, description="A URL that is told of the end.")
    budget: BudgetSettings | None = None

    def request(self) -> RunRequest:
        """The request to the flow service. Raises `Invalid` for parts that do not go together."""
        if self.inputs is not None and self.dataset is not None:
            raise Invalid("inputs_given_twice", "Send either `inputs` or `dataset`, not both.")
        if self.dataset is None and (self.selection is not None or self.filter is not None):
            raise Invalid("dataset_missing", "`selection` and `filter` choose rows of a `dataset`; name it.")
        return RunRequest(
            inputs=self.inputs,
            rows=self._rows(),
            version=self.version,
            concurrency=self.concurrency,
            deadline_seconds=self.deadline_seconds,
            on_item_error=self._policy(),
            metadata=self.metadata,
            webhook_url=self.webhook,
            budget=None if self.budget is None else self.budget.budget(),
        )

    def _rows(self) -> DatasetSourceSettings | None:
        if self.dataset is None:
            return None
        settings = DatasetSourceSettings(
            dataset=self.dataset, filter=self.filter, selection=self.selection or SelectionSettings()
        )
        faults = tuple(FieldError(path, message) for path, message in DatasetSource().check(settings))
        if faults:
            raise Invalid("selection_invalid", f"{faults[0].path}: {faults[0].message}", errors=faults)
        return settings

    def _policy(self) -> ErrorPolicy | None:
        policy = self.on_item_error
        return MaxFailed(policy.max_failed) if isinstance(policy, MaxFailedPolicy) else policy
