"""Brings a flow file into the project: a new flow, a new version, or nothing when it has not changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import yaml

from penstock.client.errors import NotFoundError

if TYPE_CHECKING:
    from penstock import AsyncPenstock
    from penstock.client.objects import Flow


@dataclass(frozen=True)
class Pushed:
    """The flow as it is saved now, and what the push changed."""

    flow: Flow
    change: Literal["created", "new version", "unchanged"]


async def push_flow(client: AsyncPenstock, text: str, *, deploy: bool = True) -> Pushed:
    """Save the text of a flow file under the name that its document gives.

    Raises UnprocessableEntityError, with lines, when the document is not fit.
    """
    name = _name_in(text)
    if name is None:
        return Pushed(await client.flows.create(text, deploy=deploy), "created")
    try:
        saved = await client.flows.get(name)
    except NotFoundError:
        return Pushed(await client.flows.create(text, deploy=deploy), "created")
    flow = await client.flows.update(saved.id, text, deploy=deploy)
    return Pushed(flow, "unchanged" if flow.version == saved.version else "new version")


def _name_in(text: str) -> str | None:
    """The document's name; None where there is none to read, and then the server says what is wrong, and where."""
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    name = document.get("name") if isinstance(document, dict) else None
    return name if isinstance(name, str) and name else None
