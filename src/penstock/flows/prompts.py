"""Saved prompts: prompt documents under a name, in versions that never change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field, ValidationError

from penstock.datasets.model import check_name
from penstock.errors import FieldError, Unprocessable
from penstock.flows.expressions import ExpressionError, template
from penstock.flows.nodes.base import DocumentModel
from penstock.storage import prompts
from penstock.storage.store import Store
from penstock.types import JsonObject, Tenant

MAX_DOCUMENT_BYTES = 1024 * 1024
_MAX_PAGE = 1000
_NO_VERSION = 2**31 - 1


class PromptMessage(DocumentModel):
    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(min_length=1)]
    """A template."""


class PromptDocument(DocumentModel):
    """One prompt: what is said, and optionally to which model, how, and in what form the answer is wanted."""

    description: str | None = None
    """For people."""
    system: str | None = None
    """A template: who the model is."""
    prompt: Annotated[str, Field(min_length=1)] | None = None
    """A template: what it is asked. Either this or `messages`."""
    messages: Annotated[list[PromptMessage], Field(min_length=1, max_length=200)] | None = None
    """A conversation so far, the last turn asking."""
    model: Annotated[str, Field(min_length=1)] | None = None
    """`provider/model`; none leaves it to the flow."""
    params: dict[str, Any] | None = None
    """`temperature`, `maxTokens`, and whatever else the provider knows."""
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    """A JSON Schema that the answer must fit."""


@dataclass(frozen=True, slots=True)
class SavedPrompt:
    """One version of a prompt."""

    id: str
    name: str
    version: int
    document: JsonObject
    created_at: int


class PromptLibrary:
    """The saved prompts of all tenants. Methods that take a prompt take its id or its name, and raise `NotFound`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(self, tenant: Tenant, name: str, document: JsonObject) -> SavedPrompt:
        """Version 1 of a new prompt. Raises `Conflict` when the name is taken, `Unprocessable` naming each fault."""
        check_name("prompt", name)
        text = _checked(document)
        return _saved(await self._store.write(prompts.insert(tenant, name, text)))

    async def update(self, tenant: Tenant, id_or_name: str, document: JsonObject) -> SavedPrompt:
        """A new version. Raises `Unprocessable` naming each fault."""
        text = _checked(document)
        return _saved(await self._store.write(prompts.insert_version(tenant, id_or_name, text)))

    async def get(self, tenant: Tenant, id_or_name: str, version: int | Literal["latest"] = "latest") -> SavedPrompt:
        wanted = None if version == "latest" else version
        return _saved(await self._store.read(prompts.get(tenant, id_or_name, wanted)))

    async def list(self, tenant: Tenant, *, after_name: str = "", limit: int = 100) -> Sequence[SavedPrompt]:
        """Prompts in the order of their names, behind a name, each in its latest version."""
        rows = await self._store.read(prompts.list_by_name(tenant, after_name, min(limit, _MAX_PAGE)))
        return [_saved(row) for row in rows]

    async def versions(
        self, tenant: Tenant, id_or_name: str, *, before: int = _NO_VERSION, limit: int = 100
    ) -> Sequence[SavedPrompt]:
        """Versions below a number, newest first."""
        rows = await self._store.read(prompts.versions(tenant, id_or_name, before, min(limit, _MAX_PAGE)))
        return [_saved(row) for row in rows]

    async def delete(self, tenant: Tenant, id_or_name: str) -> None:
        """Delete a prompt with all its versions; flows that name it then fail to find it."""
        await self._store.write(prompts.delete(tenant, id_or_name))


def check_document(document: JsonObject) -> PromptDocument:
    """Raises `Unprocessable`, with the path of each fault in the document."""
    try:
        parsed = PromptDocument.model_validate(document)
    except ValidationError as error:
        faults = [FieldError(_path(fault["loc"]), fault["msg"]) for fault in error.errors(include_url=False)]
        raise _unprocessable(faults) from None
    faults = [*_shape_faults(parsed), *_template_faults(parsed), *_schema_faults(parsed.schema_)]
    if faults:
        raise _unprocessable(faults)
    return parsed


def _shape_faults(document: PromptDocument) -> Iterable[FieldError]:
    if (document.prompt is None) == (document.messages is None):
        yield FieldError("prompt", "A prompt document holds either `prompt` or `messages`, one of both.")
    if document.system is not None and any(message.role == "system" for message in document.messages or ()):
        yield FieldError("system", "Give the system text here or as a message, not both.")


def _template_faults(document: PromptDocument) -> Iterable[FieldError]:
    sources = {"system": document.system, "prompt": document.prompt}
    for position, message in enumerate(document.messages or ()):
        sources[f"messages[{position}].content"] = message.content
    for path, source in sources.items():
        if source is not None:
            try:
                template(source)
            except ExpressionError as error:
                yield FieldError(path, str(error))


def _schema_faults(schema: dict[str, Any] | None) -> Iterable[FieldError]:
    if schema is None:
        return
    import jsonschema_rs

    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        yield FieldError(_path(("schema", *error.instance_path)), error.message)


def _checked(document: JsonObject) -> str:
    text = msgspec.json.encode(check_document(document).model_dump(by_alias=True, exclude_none=True, mode="json"))
    if len(text) > MAX_DOCUMENT_BYTES:
        raise _unprocessable([FieldError("", f"It takes {len(text):,} bytes; the limit is {MAX_DOCUMENT_BYTES:,}.")])
    return text.decode()


def _unprocessable(faults: Sequence[FieldError]) -> Unprocessable:
    first = f"{faults[0].path}: {faults[0].message}" if faults[0].path else faults[0].message
    return Unprocessable("prompt_invalid", f"The prompt document is not valid. {first}", errors=tuple(faults))


def _path(location: Iterable[str | int]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _saved(row: Any) -> SavedPrompt:
    return SavedPrompt(row["id"], row["name"], row["version"], msgspec.json.decode(row["document"]), row["created_at"])
