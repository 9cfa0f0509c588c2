"""Which models there are: those a project has saved, and the built-in providers with keys from the environment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import msgspec

from penstock.clock import iso, now_ms
from penstock.errors import Conflict, NotFound, StepError
from penstock.ids import new_id
from penstock.models.providers.base import Endpoint, Pricing
from penstock.models.providers.local import weights
from penstock.models.providers.registry import PROVIDERS, ProviderInfo
from penstock.models.specification import ModelSpecification, PricingSpecification, changed, checked
from penstock.storage.models import (
    ModelRecord,
    delete_model,
    insert_model,
    model_by_id_or_name,
    model_by_name,
    models_page,
    update_model,
)
from penstock.storage.store import Store, UniqueViolation
from penstock.types import JsonObject, Tenant

DEFAULT_MODEL_VARIABLE = "PENSTOCK_DEFAULT_MODEL"
_FALLBACK = "local/smollm2"
_REMEMBER_SECONDS = 5.0
_MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class SavedModel:
    """A model a project has saved. Its key stays inside: people see only whether there is one."""

    id: str
    name: str
    provider: str
    base_url: str | None
    model_name: str
    has_api_key: bool
    pricing: JsonObject | None
    created_at: int
    updated_at: int

    def as_json(self) -> JsonObject:
        return {
            "id": self.id,
            "name": self.name,
            "provider": self.provider,
            "baseUrl": self.base_url,
            "modelName": self.model_name,
            "hasApiKey": self.has_api_key,
            "pricing": self.pricing,
            "createdAt": iso(self.created_at),
            "updatedAt": iso(self.updated_at),
        }


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """Whether a provider can be used now; `reason` says why not, or with what."""

    name: str
    title: str
    usable: bool
    reason: str
    default_model: str | None

    def as_json(self) -> JsonObject:
        return {
            "name": self.name,
            "title": self.title,
            "usable": self.usable,
            "reason": self.reason,
            "defaultModel": self.default_model,
        }


class Catalog:
    """The models of every project.

    `encrypt` and `decrypt` are for the keys of saved models. `environment` is read at each use. What `resolve` finds
    is remembered for five seconds: so long may a change made by another process take to be seen.
    """

    def __init__(
        self,
        store: Store,
        *,
        encrypt: Callable[[str], str],
        decrypt: Callable[[str], str],
        environment: Mapping[str, str],
    ) -> None:
        self._store = store
        self._encrypt = encrypt
        self._decrypt = decrypt
        self._environment = environment
        self._resolved: dict[tuple[str, str], tuple[float, Endpoint]] = {}

    async def create(self, tenant: Tenant, body: JsonObject) -> SavedModel:
        """Save a model. Raises `Invalid` naming each wrong field, `Conflict` when the name is taken."""
        specification = checked(body)
        now = now_ms()
        record = self._record(specification, new_id(), now, now)
        try:
            await self._store.write(insert_model(tenant, record))
        except UniqueViolation as error:
            raise _name_taken(record.name) from error
        self._forget(tenant)
        return _saved(record)

    async def get(self, tenant: Tenant, id_or_name: str) -> SavedModel:
        """Raises `NotFound`."""
        return _saved(await self._find(tenant, id_or_name))

    async def list(self, tenant: Tenant, *, after: str | None = None, limit: int = 100) -> list[SavedModel]:
        """Newest first; `after` is the id of the last one of the page before."""
        records = await self._store.read(models_page(tenant.project_id, after, limit))
        return [_saved(record) for record in records]

    async def update(self, tenant: Tenant, id_or_name: str, changes: JsonObject) -> SavedModel:
        """Change the fields that are given; a field given as null is emptied.

        Raises `NotFound`, `Invalid`, `Conflict`. A new base URL needs the key again: a kept one would be sent there.
        """
        record = await self._find(tenant, id_or_name)
        current = ModelSpecification(
            name=record.name,
            provider=record.provider,
            base_url=record.base_url,
            model_name=record.model_name,
            pricing=_pricing_specification(record),
        )
        specification = changed(current, changes)
        updated = self._record(specification, record.id, record.created_at, now_ms())
        moved = (updated.base_url, updated.provider) != (record.base_url, record.provider)
        if "apiKey" not in changes and not moved:
            updated = replace(updated, api_key_ciphertext=record.api_key_ciphertext)
        try:
            if not await self._store.write(update_model(tenant.project_id, updated)):
                raise _unknown(id_or_name)
        except UniqueViolation as error:
            raise _name_taken(updated.name) from error
        self._forget(tenant)
        return _saved(updated)

    async def delete(self, tenant: Tenant, id_or_name: str) -> None:
        """Raises `NotFound`."""
        record = await self._find(tenant, id_or_name)
        await self._store.write(delete_model(tenant.project_id, record.id))
        self._forget(tenant)

    async def resolve(self, tenant: Tenant, model: str) -> Endpoint:
        """Where a model is reached: the project's saved model of this name, else `provider/name`.

        Raises `StepError`: `model_unknown`, `model_key_missing`.
        """
        key = (tenant.project_id, model)
        now = time.monotonic()
        known = self._resolved.get(key)
        if known is not None:
            if now < known[0]:
                return known[1]
            # One caller looks again; the others go on with what is known, and do not all ask the store at once.
            self._resolved[key] = (now + _REMEMBER_SECONDS, known[1])
        record = await self._store.read(model_by_name(tenant.project_id, model))
        try:
            endpoint = self._saved_endpoint(record) if record else self._built_in(model)
        except StepError:
            self._resolved.pop(key, None)
            raise
        if len(self._resolved) >= _MAX_REMEMBERED:
            self._resolved.clear()
        self._resolved[key] = (now + _REMEMBER_SECONDS, endpoint)
        return endpoint

    def default_model(self) -> str:
        """The model for whoever names none: `PENSTOCK_DEFAULT_MODEL`, else a cheap one of the first provider whose
        key is set, else the local one."""
        given = self._environment.get(DEFAULT_MODEL_VARIABLE)
        if given:
            return given
        for info in PROVIDERS.values():
            if info.key_variable and self._environment.get(info.key_variable):
                return f"{info.name}/{info.default_model}"
        return _FALLBACK

    def describe(self) -> tuple[ProviderStatus, ...]:
        """Every provider, and whether it can be used on this machine now."""
        return tuple(self._status(info) for info in PROVIDERS.values())

    async def _find(self, tenant: Tenant, id_or_name: str) -> ModelRecord:
        record = await self._store.read(model_by_id_or_name(tenant.project_id, id_or_name))
        if record is None:
            raise _unknown(id_or_name)
        return record

    def _record(self, given: ModelSpecification, model_id: str, created_at: int, updated_at: int) -> ModelRecord:
        pricing = given.pricing
        return ModelRecord(
            id=model_id,
            name=given.name,
            provider=given.provider,
            base_url=given.base_url,
            model_name=given.model_name,
            api_key_ciphertext=self._encrypt(given.api_key) if given.api_key else None,
            pricing=pricing.model_dump_json(by_alias=True, exclude_none=True) if pricing else None,
            created_at=created_at,
            updated_at=updated_at,
        )

    def _forget(self, tenant: Tenant) -> None:
        for key in [key for key in self._resolved if key[0] == tenant.project_id]:
            del self._resolved[key]

    def _saved_endpoint(self, record: ModelRecord) -> Endpoint:
        info = PROVIDERS[record.provider]
        api_key = self._decrypt(record.api_key_ciphertext) if record.api_key_ciphertext else None
        if record.base_url is None and api_key is None:
            api_key = self._environment_key(info)
        # The operator's key goes to the provider's own address only, never to one that a user wrote.
        base_url = info.url(self._environment) if record.base_url is None else info.tidy(record.base_url)
        return Endpoint(record.provider, base_url, record.model_name, api_key, _pricing(record))

    def _built_in(self, model: str) -> Endpoint:
        provider, slash, name = model.partition("/")
        info = PROVIDERS.get(provider)
        if info is None or not slash or not name:
            known = ", ".join(PROVIDERS)
            message = f"there is no model {model!r}: save one under this name, or write provider/name ({known})"
            raise StepError("model_unknown", message)
        return Endpoint(provider, info.url(self._environment), name, self._environment_key(info))

    def _environment_key(self, info: ProviderInfo) -> str | None:
        """The provider's key. A base URL from the environment may do without: many servers of one's own take none."""
        key = self._environment.get(info.key_variable) if info.key_variable else None
        own_server = info.base_url_variable and self._environment.get(info.base_url_variable)
        if info.key_variable and not key and not own_server:
            message = f"{info.title} needs a key: set {info.key_variable}, or save a model with its apiKey"
            raise StepError("model_key_missing", message)
        return key or None

    def _status(self, info: ProviderInfo) -> ProviderStatus:
        default = f"{info.name}/{info.default_model}" if info.default_model else None
        try:
            if info.name == "local":
                reason = f"weights in {weights('smollm2')}"
            elif info.name == "scripted":
                reason = info.url(self._environment) or "in this process"
            else:
                found = self._environment_key(info)
                reason = f"{info.key_variable} is set" if found else f"{info.base_url_variable} is set, without a key"
        except StepError as error:
            return ProviderStatus(info.name, info.title, usable=False, reason=error.message, default_model=default)
        return ProviderStatus(info.name, info.title, usable=True, reason=reason, default_model=default)


def _saved(record: ModelRecord) -> SavedModel:
    return SavedModel(
        id=record.id,
        name=record.name,
        provider=record.provider,
        base_url=record.base_url,
        model_name=record.model_name,
        has_api_key=record.api_key_ciphertext is not None,
        pricing=msgspec.json.decode(record.pricing) if record.pricing else None,
        created_at=record.created_at,
        updated_at=record.updated_at,
    )


def _pricing(record: ModelRecord) -> Pricing | None:
    given = msgspec.json.decode(record.pricing) if record.pricing else None
    if given is None:
        return None
    return Pricing(given["inputPerMillionUsd"], given["outputPerMillionUsd"], given.get("cachedInputPerMillionUsd"))


def _pricing_specification(record: ModelRecord) -> PricingSpecification | None:
    return PricingSpecification.model_validate_json(record.pricing) if record.pricing else None


def _unknown(id_or_name: str) -> NotFound:
    return NotFound("model_not_found", f"This project has no model {id_or_name!r}.")


def _name_taken(name: str) -> Conflict:
    return Conflict("model_exists", f"This project already has a model named {name!r}.")
