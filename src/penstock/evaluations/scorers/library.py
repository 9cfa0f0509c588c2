"""Saved scorers, and the scorers of an evaluation as they are pinned when it starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from penstock.accounts.project_settings import ProjectSettings
from penstock.datasets.model import check_name
from penstock.errors import FieldError, Invalid, NotFound
from penstock.evaluations.scorers import load, registry
from penstock.evaluations.scorers.running import run_scorer
from penstock.evaluations.scorers.specs import SAVED, VERSION, SpecInvalid, below, build, snapshot, unknown_type
from penstock.storage import scorers
from penstock.storage.executions import dumps
from penstock.storage.scorers import ScorerRecord
from penstock.storage.store import Store
from penstock.types import Json, JsonObject, Tenant

__all__ = ["ScorerLibrary", "build", "run_scorer"]

MAX_SAVED = 10_000
"""In one project."""
MAX_PINNED = 100
"""In one evaluation."""
MAX_DEFINITION_BYTES = 256 * 1024
MAX_DESCRIPTION_CHARS = 2_000
MAX_SCORE_NAME_CHARS = 64
_RESERVED = frozenset({"types", "test"})
"""Words that stand in the place of a name in addresses."""
_MODEL = "model"
_REFERENCE_KEYS = frozenset({SAVED, VERSION, "name"})

Fill: TypeAlias = Callable[[Tenant, dict[str, Any], str], Awaitable[dict[str, Any]]]
"""Completes a snapshot that stands at a path with what it names, as that is now. Raises `SpecInvalid`."""


class ScorerLibrary:
    """The saved scorers of every project. Methods that take a scorer take its id or its name, and raise `NotFound`.

    `default_model` is the judge where neither a scorer nor its project names one.
    """

    def __init__(self, store: Store, default_model: Callable[[], str]) -> None:
        self._store = store
        self._default_model = default_model
        self._settings = ProjectSettings(store)
        self.fills: dict[str, Fill] = {}
        """By type: of scorers that name something beside a model."""

    async def pin(self, tenant: Tenant, given: Sequence[Any], path: str = "scorers") -> list[JsonObject]:
        """What an evaluation keeps of its scorers: each with all of its settings and versions, under a name of its own.

        Each is a type (`"exact"`), a saved scorer's id or name, an object `{"type", …settings}`, or
        `{"scorer": id or name, "version"?, "name"?}`. Raises `Invalid` naming each fault, as in `scorers[1].pattern`.
        """
        if len(given) > MAX_PINNED:
            raise _invalid([FieldError(path, f"{len(given):,} scorers are more than the {MAX_PINNED} there may be")])
        await load()
        pinned: list[JsonObject] = []
        faults: list[FieldError] = []
        for number, spec in enumerate(given):
            try:
                pinned.append(await self._pinned(tenant, spec, f"{path}[{number}]"))
            except SpecInvalid as error:
                pinned.append({})
                faults += error.faults
        faults += _repeated_names(pinned, path)
        if faults:
            raise _invalid(faults)
        return pinned

    async def create(self, tenant: Tenant, name: str, definition: Json, description: str = "") -> ScorerRecord:
        """Version 1 of a new scorer. Raises `Invalid` naming each fault, `Conflict` when the name is taken."""
        await load()
        _check_name(name)
        checked = _definition(definition)
        return await self._store.write(scorers.insert(tenant, name, _description(description), checked, most=MAX_SAVED))

    async def update(
        self,
        tenant: Tenant,
        id_or_name: str,
        *,
        name: str | None = None,
        description: str | None = None,
        definition: Json = None,
    ) -> ScorerRecord:
        """Change what is not None; another definition makes a new version. Raises as `create` does."""
        await load()
        if name is not None:
            _check_name(name)
        if description is not None:
            _description(description)
        checked = None if definition is None else _definition(definition)
        return await self._store.write(scorers.update(tenant, id_or_name, name, description, checked))

    async def get(self, tenant: Tenant, id_or_name: str, version: int | None = None) -> ScorerRecord:
        """One version, the latest for None."""
        return await self._store.read(scorers.get(tenant, id_or_name, version))

    async def list(self, tenant: Tenant, *, after_name: str = "", limit: int = 100) -> Sequence[ScorerRecord]:
        """Scorers in the order of their names, behind a name, each in its latest version."""
        return await self._store.read(scorers.list_by_name(tenant, after_name, limit))

    async def count(self, tenant: Tenant) -> int:
        """How many scorers the project has."""
        return await self._store.read(scorers.count(tenant))

    async def delete(self, tenant: Tenant, id_or_name: str) -> None:
        """Delete a scorer with all its versions. Evaluations keep what they pinned."""
        await self._store.write(scorers.delete(tenant, id_or_name))

    async def _pinned(self, tenant: Tenant, spec: Any, path: str) -> JsonObject:
        if isinstance(spec, str) and spec not in registry():
            return await self._pinned_saved(tenant, {SAVED: spec}, path)
        if isinstance(spec, Mapping) and SAVED in spec:
            return await self._pinned_saved(tenant, spec, path)
        return await self._filled(tenant, snapshot(spec, path), path)

    async def _pinned_saved(self, tenant: Tenant, reference: Mapping[str, Any], path: str) -> JsonObject:
        wanted, version, name = (reference.get(key) for key in (SAVED, VERSION, "name"))
        faults = [
            FieldError(below(path, key), "does not go with a saved scorer; it has its settings already")
            for key in sorted(reference.keys() - _REFERENCE_KEYS)
        ]
        if not isinstance(wanted, str):
            faults.append(FieldError(below(path, SAVED), "must be the id or name of a saved scorer"))
        if version is not None and (type(version) is not int or not 0 < version < 2**31):
            faults.append(FieldError(below(path, VERSION), "must be the number of a version"))
        if faults:
            raise SpecInvalid(faults)
        try:
            saved = await self.get(tenant, str(wanted), version)
        except NotFound as error:
            unknown = error.code == "scorer_unknown"
            message = f"{unknown_type(str(wanted))} Nor is a scorer saved under it." if unknown else error.detail
            raise SpecInvalid([FieldError(path, message)]) from None
        name = name or saved.definition.get("name") or saved.name[:MAX_SCORE_NAME_CHARS]
        pinned = await self._filled(tenant, snapshot({**saved.definition, "name": name}, path), path)
        return {**pinned, SAVED: {"id": saved.id, "name": saved.name, "version": saved.version}}

    async def _filled(self, tenant: Tenant, pinned: dict[str, Any], path: str) -> dict[str, Any]:
        """The snapshot with what it names; with the project's default judge, where its type takes a model and none was
        named."""
        fill = self.fills.get(pinned["type"])
        if fill is not None:
            return await fill(tenant, pinned, path)
        if _MODEL in registry()[pinned["type"]].settings_type.model_fields and _MODEL not in pinned:
            chosen = (await self._settings.of(tenant)).default_judge_model
            pinned[_MODEL] = chosen or self._default_model()
        return pinned


def _definition(given: Json) -> JsonObject:
    """A spec as it is saved: with all of its settings, and the name of its scores only where one was given."""
    try:
        whole = snapshot(given, "definition")
    except SpecInvalid as error:
        raise _invalid(error.faults) from None
    del whole[VERSION]
    if not isinstance(given, Mapping) or given.get("name") is None:
        del whole["name"]
    if len(dumps(whole)) > MAX_DEFINITION_BYTES:
        raise _invalid([FieldError("definition", f"takes more than {MAX_DEFINITION_BYTES:,} bytes")])
    return whole


def _repeated_names(pinned: Sequence[JsonObject], path: str) -> list[FieldError]:
    seen: set[Any] = set()
    faults = []
    for number, one in enumerate(pinned):
        name = one.get("name")
        if name is not None and name in seen:
            message = f"another scorer is named {name!r} already; give this one a `name` of its own"
            faults.append(FieldError(f"{path}[{number}].name", message))
        seen.add(name)
    return faults


def _check_name(name: str) -> None:
    check_name("scorer", name)
    if name in registry() or name in _RESERVED:
        detail = f"{name!r} is {'a type of scorer' if name in registry() else 'a reserved word'}; choose another name."
        raise Invalid("name_invalid", detail, errors=(FieldError("name", detail),))


def _description(text: str) -> str:
    if len(text) > MAX_DESCRIPTION_CHARS:
        message = f"is longer than {MAX_DESCRIPTION_CHARS:,} characters"
        raise _invalid([FieldError("description", message)])
    return text


def _invalid(faults: Sequence[FieldError]) -> Invalid:
    first = faults[0]
    return Invalid("scorer_invalid", f"{first.path}: {first.message}", errors=tuple(faults))
