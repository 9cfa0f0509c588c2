"""Public models: what the price table knows of them, and the two kinds that Penstock runs itself.

The table is that of the package `genai-prices`: ids, names, descriptions, context windows, prices and who has withdrawn
what. It says nothing of licenses, regions or dates of release: those are null here, but for models of Penstock's own.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from penstock.errors import NotFound
from penstock.models.makers import company_of
from penstock.models.providers.local import CONTEXT_TOKENS
from penstock.models.public_search import ModelPage, ModelQuery, search

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider

    from penstock.models.catalog import ProviderStatus

_MILLION = 1_000_000
_PARAMETERS = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b(?![a-z0-9]|-\d+e)")
_SIZES = ((10.0, "small"), (100.0, "medium"))


class PublicModel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A model that anybody can get at. What is not known is null.

    `key` is how it is named in flows and evaluations, where Penstock calls its provider. `parameters` are billions, as
    the model's own name says. Prices are US dollars per token of a plain call, on the day `priceDate`. `usable`: this
    process has what it takes to call the provider.
    """

    id: str
    key: str
    name: str
    description: str
    provider: str
    provider_name: str
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

    @property
    def categories(self) -> tuple[str, ...]:
        """Its kind of architecture, and whether its weights are open, as far as that is known."""
        source = {True: "open-source", False: "closed-source", None: None}[self.open_weights]
        return tuple(word for word in (self.architecture_type, source) if word)


def public_id(key: str) -> str:
    """The id of the public model with this key: the same everywhere, always; 24 hex characters."""
    return hashlib.sha256(f"model:{key}".encode()).hexdigest()[:24]


class PublicModels:
    """The public models, read once a day (UTC) in a thread: it takes 0.3 s.

    `providers` tells which providers can be called now.
    """

    def __init__(self, providers: Callable[[], Sequence[ProviderStatus]]) -> None:
        self._providers = providers
        self._lock = asyncio.Lock()
        self._day = ""
        self._by_id: dict[str, PublicModel] = {}
        self._defaults: tuple[str, ...] = ()

    async def all(self) -> Sequence[PublicModel]:
        """Every public model, in the order of their keys."""
        return tuple((await self._known()).values())

    async def find(self, id_or_key: str) -> PublicModel | None:
        known = await self._known()
        return known.get(id_or_key) or known.get(public_id(id_or_key))

    async def get(self, id_or_key: str) -> PublicModel:
        """Raises `NotFound`."""
        found = await self.find(id_or_key)
        if found is None:
            detail = f"There is no public model {id_or_key!r}. Look for it: GET /catalog/models?query=…"
            raise NotFound("public_model_unknown", detail)
        return found

    async def search(self, query: ModelQuery) -> ModelPage:
        """The models that fit, in order, with what there is to choose from."""
        known = await self._known()
        return await asyncio.to_thread(search, tuple(known.values()), query)

    async def default_ids(self) -> tuple[str, ...]:
        """What a project has that has chosen nothing: each usable provider's cheap model, and the local one."""
        await self._known()
        return self._defaults

    async def _known(self) -> dict[str, PublicModel]:
        now = datetime.now(UTC)
        async with self._lock:
            if self._day != now.date().isoformat():
                self._by_id, self._defaults = await asyncio.to_thread(self._read, now)
                self._day = now.date().isoformat()
            return self._by_id

    def _read(self, now: datetime) -> tuple[dict[str, PublicModel], tuple[str, ...]]:
        usable = {status.name: status for status in self._providers() if status.usable}
        models = sorted((*_own(now), *_of_table(now)), key=lambda model: model.key)
        known = {model.id: msgspec.structs.replace(model, usable=model.provider in usable) for model in models}
        cheap = [status.default_model for status in usable.values() if status.default_model]
        chosen = dict.fromkeys(public_id(key) for key in (*cheap, LOCAL))
        return known, tuple(one for one in chosen if one in known)


async def deprecation(base_url: str, model: str) -> str | None:
    """A sentence of warning when whoever is reached at `base_url` withdraws the model; None when nothing says so."""
    if not base_url or not await asyncio.to_thread(_withdrawn, base_url, model):
        return None
    return f"{model} is deprecated: its provider withdraws it, and calls will fail one day. Choose another."


def _withdrawn(base_url: str, model: str) -> bool:
    from genai_prices import data_snapshot

    try:
        found = data_snapshot.get_snapshot().find_provider_model(model, None, None, base_url)
    except LookupError:
        return False
    return bool(found[1].deprecated)


LOCAL = "local/smollm2"


def _own(now: datetime) -> Iterator[PublicModel]:
    """What runs in this process, for nothing."""
    free: dict[str, Any] = {
        "input_price_per_token": "0",
        "output_price_per_token": "0",
        "price_date": now.date().isoformat(),
        "price_source": "runs in this process",
    }
    yield PublicModel(
        id=public_id(LOCAL),
        key=LOCAL,
        name="SmolLM2 135M Instruct (Q4_1)",
        description="A small model that runs on the CPU of this machine, without a key and without a network.",
        provider="local",
        provider_name="This process",
        company="Hugging Face",
        context_length=CONTEXT_TOKENS,
        parameters=0.135,
        size="small",
        modality="text",
        license="Apache-2.0",
        open_weights=True,
        **free,
    )
    yield PublicModel(
        id=public_id("scripted/echo"),
        key="scripted/echo",
        name="Echo",
        description="No model at all: it answers with the last message, for trying things out and for tests.",
        provider="scripted",
        provider_name="Scripted replies",
        company="Penstock",
        modality="text",
        **free,
    )


def _of_table(now: datetime) -> Iterator[PublicModel]:
    from genai_prices import __version__, data_snapshot

    source = f"genai-prices {__version__}"
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            yield _public(provider, model, source, now)


def _public(provider: Provider, model: ModelInfo, source: str, now: datetime) -> PublicModel:
    called = _called_by_penstock(provider.id, model.id)
    key = f"{called}/{model.id}"
    name = model.name or model.id
    rates = model.get_prices(now)
    parameters = _parameters(model.id) or _parameters(name)
    return PublicModel(
        id=public_id(key),
        key=key,
        name=name,
        description=model.description or f"{name}, served by {provider.name}.",
        provider=called,
        provider_name=provider.name,
        company=company_of(provider.id, model.id),
        context_length=model.context_window,
        parameters=parameters,
        size=_size(parameters),
        input_price_per_token=_per_token(rates, "input_mtok"),
        output_price_per_token=_per_token(rates, "output_mtok"),
        price_source=source,
        price_date=now.date().isoformat(),
        deprecated=bool(model.deprecated),
    )


def _called_by_penstock(provider: str, model: str) -> str:
    """The provider's name here. Google serves its own models where `gemini` calls, and others elsewhere."""
    return "gemini" if provider == "google" and model.startswith(("gemini", "gemma")) else provider


def _parameters(name: str) -> float | None:
    """The billions of parameters that a name tells: `llama-3-70b`. Of a mixture (`30b-a3b`, `8x7b`, `17b-16e`) the
    total, or none."""
    found = _PARAMETERS.search(name.lower())
    return float(found[1]) if found else None


def _size(parameters: float | None) -> str | None:
    if parameters is None:
        return None
    return next((word for most, word in _SIZES if parameters < most), "large")


def _per_token(rates: ModelPrice, unit: str) -> str | None:
    """Dollars per token as a plain decimal; of a price in tiers, that of the first."""
    rate = rates.__dict__.get(unit)
    rate = getattr(rate, "base", rate)
    return f"{(Decimal(rate) / _MILLION).normalize():f}" if rate is not None else None
