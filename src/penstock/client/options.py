"""Options of a run, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, TypeAlias

Budget: TypeAlias = Mapping[Literal["usd", "tokens", "ecu"], str | int | float]
"""What a run may consume in all; at least one of the three. It pauses before a call that could take it further."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a flow is run over many inputs. What is None is left to the flow's own settings.

    `selection` picks rows of the data set, as the `dataset_source` node writes it; `deadline_seconds` ends the run as
    `timeout`; `on_item_error` is `continue`, `failFast` or `{"maxFailed": n or "5%"}`; `metadata` is kept with the run;
    `budget` is `{"usd": "5.00"}`, `{"tokens": n}` or `{"ecu": "10"}`: the run pauses before it would go beyond it;
    `webhook` is a URL that is told of the end.
    """

    version: int | None = None
    selection: Mapping[str, Any] | None = None
    concurrency: int | None = None
    deadline_seconds: float | None = None
    on_item_error: Literal["continue", "failFast"] | Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    budget: Budget | None = None
    webhook: str | None = None

    def body(self) -> dict[str, Any]:
        """The options that are set, by their names on the wire."""
        return _set_values(self)


@dataclass(frozen=True, kw_only=True)
class ScheduleOptions:
    """How a schedule reads the clock and treats overlapping and missed due times. None leaves the server's default.

    `overlap`, while an earlier run is not over: `skip` (the default), `queue` or `parallel`. `missed`, of due times
    that passed while nothing ran: `skip`, `once` (the default) or `all`, as far back as `catch_up_seconds` (a day).
    """

    timezone: str | None = None
    overlap: Literal["skip", "queue", "parallel"] | None = None
    missed: Literal["skip", "once", "all"] | None = None
    catch_up_seconds: int | None = None
    enabled: bool | None = None

    def body(self) -> dict[str, Any]:
        """The options that are set, by their names on the wire."""
        return _set_values(self)


def _set_values(options: RunOptions | ScheduleOptions) -> dict[str, Any]:
    values = {_camel(field.name): getattr(options, field.name) for field in fields(options)}
    return {name: value for name, value in values.items() if value is not None}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
