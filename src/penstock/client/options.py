"""Options of a run, as one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How an evaluation is run. What is None is the benchmark's own, then the server's.

    `version` is the benchmark's. `choice` picks rows: `{"subsets": […], "count": n, "seed": n}` or `{"ids": […]}`; with
    a seed the `count` rows are chosen at random, the same ones each time, without they are the first. `system` and
    `prompt` are templates over a row's members, `prompt_id` names a saved prompt in their place; `params` go to the
    model; `inputs` say for a flow which member of the row each of its input fields is. Each row is asked `epochs`
    times, and `reducer` makes one score of them (`mean`, `at_least_2`, `pass@2`, `pass^2`). `cache` answers from
    earlier answers to the very same request. The rest is as in `RunOptions`.
    """

    name: str | None = None
    version: int | None = None
    choice: Mapping[str, Any] | None = None
    system: str | None = None
    prompt: str | None = None
    prompt_id: str | None = None
    params: Mapping[str, Any] | None = None
    inputs: Mapping[str, str] | None = None
    epochs: int | None = None
    reducer: str | None = None
    cache: bool | None = None
    concurrency: int | None = None
    deadline_seconds: float | None = None
    on_item_error: Literal["continue", "failFast"] | Mapping[str, Any] | None = None
    budget: Budget | None = None
    metadata: Mapping[str, Any] | None = None
    tags: Sequence[str] | None = None
    webhook: str | None = None

    def body(self) -> dict[str, Any]:
        """The options that are set, by their names on the wire."""
        return _set_values(self)


@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """More of a model that is saved.

    `max_tokens` and `extra_payload` (members of the request's body) are for calls that say nothing else. With `probe`
    it is asked for one token and saved whatever comes of it, with `require_probe` only if it answers.
    """

    key: str | None = None
    description: str | None = None
    max_tokens: int | None = None
    extra_payload: Mapping[str, Any] | None = None
    probe: bool | None = None
    require_probe: bool | None = None

    def body(self) -> dict[str, Any]:
        """The options that are set, by their names on the wire."""
        return _set_values(self)


@dataclass(frozen=True, kw_only=True)
class CatalogFilter:
    """Which public models to list, in which order. Upper and lower case are the same; values of one are alternatives.

    `query` is words in key, name, company or description; `name` and `key` are parts of these.
    """

    query: str | None = None
    name: str | None = None
    key: str | None = None
    ids: Sequence[str] = ()
    companies: Sequence[str] = ()
    providers: Sequence[str] = ()
    categories: Sequence[str] = ()
    regions: Sequence[str] = ()
    licenses: Sequence[str] = ()
    sizes: Sequence[str] = ()
    usable: bool | None = None
    include_deprecated: bool | None = None
    sort_by: str | None = None
    order: Literal["asc", "desc"] | None = None

    def query_values(self) -> dict[str, str]:
        """What is set, by the names on the wire."""
        return {name: _text(value) for name, value in _set_values(self).items() if value != ()}


def _set_values(
    options: RunOptions | ScheduleOptions | EvaluationOptions | ModelOptions | CatalogFilter,
) -> dict[str, Any]:
    values = {_camel(field.name): getattr(options, field.name) for field in fields(options)}
    return {name: value for name, value in values.items() if value is not None}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else ",".join(value)  # type: ignore[arg-type]  # a sequence of texts
