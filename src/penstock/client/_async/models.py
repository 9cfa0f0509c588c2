"""Models saved under names of one's own, beside the built-in `provider/model` names."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from penstock.client import calls
from penstock.client._async.transport import AsyncTransport
from penstock.client.calls import Call
from penstock.client.objects import Model, ModelTest

_SLOWEST_MODEL_SECONDS = 120.0


class AsyncModels:
    """`client.models`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(
        self,
        name: str,
        provider: str,
        model_name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        pricing: Mapping[str, Any] | None = None,
    ) -> Model:
        """Save a model: its provider's wire, its name there, where it is, and what it costs.

        The key is kept encrypted and never sent back. `pricing` is `{"inputPerMillionUsd", "outputPerMillionUsd"}`.
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
        return await self._transport.fetch(calls.post("/models", body), Model)

    async def get(self, name: str) -> Model:
        """One saved model. Raises NotFoundError."""
        return await self._transport.fetch(calls.get(f"/models/{calls.segment(name)}"), Model)

    def list(self) -> AsyncIterator[Model]:
        """Every saved model of the project."""
        return self._transport.pages("/models", Model)

    async def test(self, name: str) -> ModelTest:
        """Make a one-token call to a saved or built-in model: whether it answers, how fast, or why not."""
        call = Call(
            method="POST",
            path=f"/models/{calls.segment(name)}/test",
            repeatable=False,
            hold_seconds=_SLOWEST_MODEL_SECONDS,
        )
        return await self._transport.fetch(call, ModelTest)

    async def delete(self, name: str) -> None:
        """Forget a saved model and its key."""
        await self._transport.send(calls.delete(f"/models/{calls.segment(name)}"))
