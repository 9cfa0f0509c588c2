# Made from ../_async by scripts/unasync.py: change it there.
"""Saved prompts with versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from penstock.client import calls
from penstock.client._sync.transport import Transport
from penstock.client.objects import Prompt


class Prompts:
    """`client.prompts`. A prompt is named by its id or its name; its document holds `prompt` or `messages`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, document: Mapping[str, Any]) -> Prompt:
        """Save a new prompt. Raises UnprocessableEntityError naming each fault of the document."""
        return self._transport.fetch(calls.post("/prompts", {"name": name, **document}), Prompt)

    def update(self, prompt: str, document: Mapping[str, Any]) -> Prompt:
        """Save a new version of a prompt."""
        return self._transport.fetch(calls.put(f"/prompts/{calls.segment(prompt)}", document), Prompt)

    def get(self, prompt: str, version: int | None = None) -> Prompt:
        """One prompt at its latest version, or the one given. Raises NotFoundError."""
        return self._transport.fetch(calls.get(f"/prompts/{calls.segment(prompt)}", version=version), Prompt)

    def list(self) -> Iterator[Prompt]:
        """Every prompt of the project."""
        return self._transport.pages("/prompts", Prompt)

    def versions(self, prompt: str) -> Iterator[Prompt]:
        """Every version of a prompt."""
        return self._transport.pages(f"/prompts/{calls.segment(prompt)}/versions", Prompt)

    def delete(self, prompt: str) -> None:
        """Delete a prompt with its versions."""
        self._transport.send(calls.delete(f"/prompts/{calls.segment(prompt)}"))
