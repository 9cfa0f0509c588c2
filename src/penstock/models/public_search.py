"""Looking through the public models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from penstock.models.public import PublicModel

SortBy = Literal["key", "name", "company", "context_length", "parameters", "input_price", "released_at", "license"]
FACETS = ("categories", "companies", "regions", "licenses", "sizes", "providers")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelQuery:
    """What to look for; upper and lower case are the same, and several values of one filter are alternatives.

    Each word of `query` is in the key, the name, the company or the description; `name` and `key` are parts of these.
    Models without a value come last, in both directions.
    """

    query: str | None = None
    name: str | None = None
    key: str | None = None
    ids: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    usable: bool | None = None
    include_deprecated: bool = False
    sort_by: SortBy = "key"
    descending: bool = False
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class ModelPage:
    """Some of the `total` models that fit. `facets`: for each of `FACETS` the values that any public model has."""

    models: Sequence[PublicModel]
    total: int
    facets: Mapping[str, Sequence[str]]


def search(models: Sequence[PublicModel], query: ModelQuery) -> ModelPage:
    """Takes about 5 ms of CPU for all that are known."""
    open_ones = [model for model in models if query.include_deprecated or not model.deprecated]
    found = _sorted([model for model in open_ones if _fits(model, query)], query)
    return ModelPage(found[query.offset : query.offset + query.limit], len(found), facets(open_ones))


def facets(models: Iterable[PublicModel]) -> dict[str, list[str]]:
    """For each filter the values there are, in order."""
    seen: dict[str, set[str]] = {name: set() for name in FACETS}
    for model in models:
        for name, values in _values(model).items():
            seen[name].update(values)
    return {name: sorted(values, key=str.lower) for name, values in seen.items()}


def _values(model: PublicModel) -> dict[str, tuple[str, ...]]:
    return {
        "categories": model.categories,
        "companies": _given(model.company),
        "regions": _given(model.region),
        "licenses": _given(model.license),
        "sizes": _given(model.size),
        "providers": (model.provider,),
    }


def _given(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _fits(model: PublicModel, query: ModelQuery) -> bool:
    if query.ids and model.id not in query.ids:
        return False
    if query.usable is not None and model.usable != query.usable:
        return False
    if not (_within(query.name, model.name) and _within(query.key, model.key)):
        return False
    for facet, values in _values(model).items():
        wanted: tuple[str, ...] = getattr(query, facet)
        if wanted and not {one.lower() for one in wanted} & {value.lower() for value in values}:
            return False
    if not query.query:
        return True
    text = f"{model.key} {model.name} {model.company or ''} {model.description}".lower()
    return all(word in text for word in query.query.lower().split())


def _within(part: str | None, text: str) -> bool:
    return part is None or part.lower() in text.lower()


_SORTS: Mapping[SortBy, Callable[[PublicModel], str | float | None]] = {
    "key": lambda model: model.key.lower(),
    "name": lambda model: model.name.lower(),
    "company": lambda model: model.company and model.company.lower(),
    "context_length": lambda model: model.context_length,
    "parameters": lambda model: model.parameters,
    "input_price": lambda model: None if model.input_price_per_token is None else float(model.input_price_per_token),
    "released_at": lambda model: model.released_at,
    "license": lambda model: model.license,
}


def _sorted(models: list[PublicModel], query: ModelQuery) -> list[PublicModel]:
    value = _SORTS[query.sort_by]
    known: list[tuple[str | float, PublicModel]] = []
    unknown: list[PublicModel] = []
    for model in models:
        at = value(model)
        if at is None:
            unknown.append(model)
        else:
            known.append((at, model))
    known.sort(key=lambda pair: pair[0], reverse=query.descending)
    return [model for _, model in known] + unknown
