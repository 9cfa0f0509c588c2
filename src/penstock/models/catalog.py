"""Which models there are: those a project has saved, and the built-in providers with keys from the environment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from penstock.clock import now_ms
from penstock.errors import Conflict, NotFound, StepError
from penstock.ids import new_id
from penstock.models.providers.base import Endpoint
from penstock.models.providers.local import weights
from penstock.models.providers.registry import PROVIDERS, ProviderInfo
from penstock.models.public import PublicModel, PublicModels, deprecation
from penstock.models.saved import SavedModel, defaults_of, pricing_of, record_of, saved, specification_of
from penstock.models.specification import ModelSpecification, changed, checked
from penstock.storage.models import ModelRecord, find_model, insert_model, models_page, remove_model, update_model
from penstock.storage.store import Store, UniqueViolation
from penstock.types import JsonObject, Tenant

DEFAULT_MODEL_VARIABLE = "PENSTOCK_DEFAULT_MODEL"
_FALLBACK = "local/smollm2"
_REMEMBER_SECONDS = 5.0
_MAX_REMEMBERED = 10_000


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
        self.public = PublicModels(self.describe)
        self._resolved: dict[tuple[str, str], tuple[float, Endpoint]] = {}

    async def create(self, tenant: Tenant, body: JsonObject) -> SavedModel:
        """Save a model. Raises `Invalid` naming each wrong field, `Conflict` when the name or the key is taken."""
        return await self.insert(tenant, self.draft(checked(body, ModelSpecification)))

    def draft(self, given: ModelSpecification) -> ModelRecord:
        """What would be kept of a model that is not saved yet."""
        now = now_ms()
        return record_of(given, new_id(), now, now, encrypt=self._encrypt)

    async def insert(self, tenant: Tenant, record: ModelRecord) -> SavedModel:
        """Save what was drafted. Raises `Conflict`."""
        try:
            await self._store.write(insert_model(tenant, record))
        except UniqueViolation as error:
            raise _taken(record) from error
        self._forget(tenant)
        return saved(record)

    async def get(self, tenant: Tenant, reference: str) -> SavedModel:
        """By id, name or key; a deleted one by its id, as long as evaluations refer to it. Raises `NotFound`."""
        return saved(await self._find(tenant, reference))

    async def list(self, tenant: Tenant, *, after: str | None = None, limit: int = 100) -> list[SavedModel]:
        """Newest first; `after` is the id of the last one of the page before."""
        records = await self._store.read(models_page(tenant.project_id, after, limit))
        return [saved(record) for record in records]

    async def update(self, tenant: Tenant, reference: str, changes: JsonObject) -> SavedModel:
        """Change the fields that are given; a field given as null is emptied.

        Raises `NotFound`, `Invalid`, `Conflict`. A new base URL needs the key again: a kept one would be sent there.
        """
        record = await self._find_open(tenant, reference)
        specification = changed(specification_of(record), changes)
        updated = record_of(specification, record.id, record.created_at, now_ms(), encrypt=self._encrypt)
        moved = (updated.base_url, updated.provider) != (record.base_url, record.provider)
        if "apiKey" not in changes and not moved:
            kept, hint = record.api_key_ciphertext, record.api_key_hint
            updated = replace(updated, api_key_ciphertext=kept, api_key_hint=hint)
        try:
            if not await self._store.write(update_model(tenant.project_id, updated)):
                raise _unknown(reference)
        except UniqueViolation as error:
            raise _taken(updated) from error
        self._forget(tenant)
        return saved(updated)

    async def delete(self, tenant: Tenant, reference: str) -> None:
        """Take a model away, with its key; what evaluations refer to stays readable by its id. Raises `NotFound`."""
        record = await self._find_open(tenant, reference)
        await self._store.write(remove_model(tenant, record))
        self._forget(tenant)

    async def resolve(self, tenant: Tenant, model: str) -> Endpoint:
        """Where a model is reached: the project's saved model of this id, name or key, else `provider/name`, else the
        public model of this id.

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
        record = await self._store.read(find_model(tenant.project_id, model))
        try:
            if record is None or record.disabled:
                endpoint = await self._built_in(model)
            else:
                endpoint = self.endpoint(record)
        except StepError:
            self._resolved.pop(key, None)
            raise
        if len(self._resolved) >= _MAX_REMEMBERED:
            self._resolved.clear()
        self._resolved[key] = (now + _REMEMBER_SECONDS, endpoint)
        return endpoint

    def endpoint(self, record: ModelRecord) -> Endpoint:
        """Where a saved model is reached. Raises `StepError` `model_key_missing`."""
        info = PROVIDERS[record.provider]
        api_key = self._decrypt(record.api_key_ciphertext) if record.api_key_ciphertext else None
        operator_pays = record.base_url is None and api_key is None
        if operator_pays:
            api_key = self._environment_key(info)
        # The operator's key goes to the provider's own address only, never to one that a user wrote.
        base_url, defaults = self.base_url(record), defaults_of(record)
        return Endpoint(
            record.provider, base_url, record.model_name, api_key, pricing_of(record), defaults, operator_pays
        )

    def base_url(self, record: ModelRecord) -> str:
        """The address of a saved model's server, as it is called."""
        info = PROVIDERS[record.provider]
        return info.url(self._environment) if record.base_url is None else info.tidy(record.base_url)

    async def warnings(self, tenant: Tenant, model: str) -> tuple[str, ...]:
        """What whoever is about to use a model should know. Raises what `resolve` raises."""
        endpoint = await self.resolve(tenant, model)
        warning = await deprecation(endpoint.base_url, endpoint.model)
        return (warning,) if warning else ()

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

    async def _find(self, tenant: Tenant, reference: str) -> ModelRecord:
        record = await self._store.read(find_model(tenant.project_id, reference))
        if record is None:
            raise _unknown(reference)
        return record

    async def _find_open(self, tenant: Tenant, reference: str) -> ModelRecord:
        record = await self._find(tenant, reference)
        if record.disabled:
            raise NotFound("model_not_found", f"The model {reference!r} was deleted.")
        return record

    def _forget(self, tenant: Tenant) -> None:
        for key in [key for key in self._resolved if key[0] == tenant.project_id]:
            del self._resolved[key]

    async def _built_in(self, model: str) -> Endpoint:
        provider, slash, name = model.partition("/")
        if provider not in PROVIDERS or not slash or not name:
            public = await self.public.find(model)
            provider, _, name = public.key.partition("/") if public else ("", "", "")
            if provider not in PROVIDERS:
                raise _unreachable(model, public)
        info = PROVIDERS[provider]
        return Endpoint(provider, info.url(self._environment), name, self._environment_key(info), operator_pays=True)

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


def _unknown(reference: str) -> NotFound:
    return NotFound("model_not_found", f"This project has no model {reference!r}.")


def _taken(record: ModelRecord) -> Conflict:
    key = f", or one with the key {record.key!r}" if record.key else ""
    return Conflict("model_exists", f"This project already has a model named {record.name!r}{key}.")


def _unreachable(model: str, public: PublicModel | None) -> StepError:
    if public is not None:
        advice = "save a model with its address as baseUrl, and its key"
        return StepError("model_unknown", f"Penstock does not call {public.provider_name} by itself: {advice}")
    known = ", ".join(PROVIDERS)
    return StepError(
        "model_unknown", f"there is no model {model!r}: save one under this name, or write provider/name ({known})"
    )
