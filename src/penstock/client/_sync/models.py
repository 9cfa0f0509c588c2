# Made from ../_async by scripts/unasync.py: change it there.
"""Models saved under names of one's own, beside the built-in `provider/model` names, and the public ones there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from penstock.client import calls
from penstock.client._sync.transport import Transport
from penstock.client.calls import Call
from penstock.client.model_objects import NewModel, PublicModel
from penstock.client.objects import Model, ModelTest
from penstock.client.options import CatalogFilter, ModelOptions

_SLOWEST_MODEL_SECONDS = 120.0


class Models:
    """`client.models`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        provider: str,
        model_name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        pricing: Mapping[str, Any] | None = None,
        options: ModelOptions | None = None,
    ) -> NewModel:
        """Save a model: its provider's wire, its name there, where it is, and what it costs.

        The key is kept encrypted and never sent back. `pricing` is `{"inputPerMillionUsd", "outputPerMillionUsd"}`.
        The answer has `warnings`, and `probe` if one was asked for. Raises UnprocessableEntityError when the model had
        to answer (`require_probe`) and does not.
        """
        fields = {
            "name": name,
            "provider": provider,
            "modelName": model_name,
            "baseUrl": base_url,
            "apiKey": api_key,
            "pricing": pricing,
        }
        body = {field: value for field, value in fields.items() if value is not None}
        more = options or ModelOptions()
        hold = _SLOWEST_MODEL_SECONDS if more.probe or more.require_probe else 0.0
        call = replace(calls.post("/models", {**body, **more.body()}), hold_seconds=hold)
        return self._transport.fetch(call, NewModel)

    def get(self, name: str) -> Model:
        """One saved model, by its id, name or key. Raises NotFoundError."""
        return self._transport.fetch(calls.get(f"/models/{calls.segment(name)}"), Model)

    def list(self) -> Iterator[Model]:
        """Every saved model of the project."""
        return self._transport.pages("/models", Model)

    def test(self, name: str) -> ModelTest:
        """Make a one-token call to a saved or built-in model: whether it answers, how fast, or why not."""
        call = Call(
            method="POST",
            path=f"/models/{calls.segment(name)}/test",
            repeatable=False,
            hold_seconds=_SLOWEST_MODEL_SECONDS,
        )
        return self._transport.fetch(call, ModelTest)

    def update(self, name: str, changes: Mapping[str, Any]) -> Model:
        """Change the fields that are given, by their names on the wire; None empties one. Raises NotFoundError.

        With another `baseUrl` the key must be given again.
        """
        return self._transport.fetch(calls.patch(f"/models/{calls.segment(name)}", changes), Model)

    def catalog(self, wanted: CatalogFilter | None = None, *, limit: int | None = None) -> Iterator[PublicModel]:
        """The public models that there are: all, or those that fit; at most `limit`."""
        values = (wanted or CatalogFilter()).query_values()
        return self._transport.pages("/catalog/models", PublicModel, most=limit, **values)

    def public(self, key: str) -> PublicModel:
        """One public model, by its id or its key, such as `openai/gpt-4o-mini`. Raises NotFoundError."""
        return self._transport.fetch(calls.get(f"/catalog/models/{calls.segment(key)}"), PublicModel)

    def delete(self, name: str) -> None:
        """Forget a saved model and its key."""
        self._transport.send(calls.delete(f"/models/{calls.segment(name)}"))
