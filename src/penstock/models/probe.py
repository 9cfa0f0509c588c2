"""Saving a model, and trying it first when that is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from penstock.errors import StepError, Unprocessable
from penstock.models.gateway import Gateway, ModelTest
from penstock.models.public import deprecation
from penstock.models.saved import SavedModel
from penstock.models.specification import NewModel, checked
from penstock.storage.models import ModelRecord
from penstock.types import JsonObject, Tenant


@dataclass(frozen=True, slots=True)
class Created:
    """A model that was saved, how its one call went if one was made, and what its owner should know."""

    model: SavedModel
    probe: ModelTest | None
    warnings: tuple[str, ...]

    def as_json(self) -> JsonObject:
        shown = {**self.model.as_json(), "warnings": self.warnings}
        return {**shown, "probe": self.probe.as_json()} if self.probe else shown


async def save_model(gateway: Gateway, tenant: Tenant, body: JsonObject) -> Created:
    """Save what `NewModel` describes.

    With `probe` the model is asked for one token and saved whatever comes of it; with `requireProbe` only if it
    answers. Raises `Invalid`, `Conflict`, and `Unprocessable` when a model that must answer does not.
    """
    catalog = gateway.catalog
    wanted = checked(body, NewModel)
    record = catalog.draft(wanted)
    tried = await _probe(gateway, record) if wanted.probe or wanted.require_probe else None
    if wanted.require_probe and tried is not None and tried.error is not None:
        detail = f"The model was not saved, since it does not answer: {tried.error.message}."
        raise Unprocessable("model_probe_failed", detail)
    warning = await deprecation(catalog.base_url(record), record.model_name)
    return Created(await catalog.insert(tenant, record), tried, (warning,) if warning else ())


async def _probe(gateway: Gateway, record: ModelRecord) -> ModelTest:
    try:
        endpoint = gateway.catalog.endpoint(record)
    except StepError as error:
        return ModelTest(record.name, None, error)
    return await gateway.probe(endpoint, record.name)
