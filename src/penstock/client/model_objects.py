"""Models as typed values: those that are saved, and public ones."""

from __future__ import annotations

from penstock.client.objects import Model, ModelTest, Record


class NewModel(Model, frozen=True, kw_only=True):
    """A model that was just saved; `probe` is how its one call went, if one was asked for."""

    warnings: tuple[str, ...] = ()
    probe: ModelTest | None = None


class PublicModel(Record, frozen=True, kw_only=True):
    """A model that anybody can get at, as far as the price table knows it. Prices are US dollars per token."""

    id: str
    key: str
    name: str
    description: str = ""
    provider: str = ""
    provider_name: str = ""
    company: str | None = None
    context_length: int | None = None
    parameters: float | None = None
    size: str | None = None
    modality: str | None = None
    architecture_type: str | None = None
    license: str | None = None
    open_weights: bool | None = None
    region: str | None = None
    released_at: str | None = None
    input_price_per_token: str | None = None
    output_price_per_token: str | None = None
    price_source: str | None = None
    price_date: str | None = None
    deprecated: bool = False
    usable: bool = False


class ProjectModel(Record, frozen=True, kw_only=True):
    """A model that belongs to the project: a public one, or a saved one."""

    id: str
    name: str
    kind: str
    key: str | None = None


class ProjectModels(Record, frozen=True, kw_only=True):
    """The models of the project. `chosen` is False while the default set holds."""

    chosen: bool
    models: tuple[ProjectModel, ...] = ()


class ProjectBenchmarks(Record, frozen=True, kw_only=True):
    """The ids of the project's benchmarks; None while the default set holds: the built-in ones."""

    chosen: bool
    ids: tuple[str, ...] | None = None


class ProjectSettings(Record, frozen=True, kw_only=True):
    """What the project has chosen for whoever does not say otherwise."""

    default_judge_model: str | None = None
    default_reflection_model: str | None = None
