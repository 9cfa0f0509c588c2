"""Judges as every face uses them: make, change, look, delete, and pin for a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.accounts.project_settings import ProjectSettings
from penstock.clock import now_ms
from penstock.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, StepError
from penstock.ids import new_id
from penstock.judges.definition import BLANK, JudgeChange, changed
from penstock.judges.model import Judge, JudgeVersion, snapshot
from penstock.judges.ready_made import ReadyMade, ready_made
from penstock.storage import judges as rows
from penstock.storage.store import Store
from penstock.types import JsonObject, Tenant

if TYPE_CHECKING:
    from penstock.models.catalog import Catalog

MAX_JUDGES = 10_000
"""In one project."""
_TRIES = 20


class Judges:
    """The judges of every project. Methods that take a judge take its id or its name, and raise `NotFound`.

    Ready-made ones are found under their names, unless the project has a judge of that name.
    """

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog
        self._settings = ProjectSettings(store)

    async def create(self, tenant: Tenant, wanted: JudgeChange, created_by: str | None = None) -> Judge:
        """Version 1 of a new judge. Raises `Invalid` naming each wrong field, `Conflict` when the name is taken."""
        now = now_ms()
        first = replace(changed(BLANK, wanted), version=1, created_at=now, created_by=created_by)
        await self._check_model(tenant, first.model)
        judge = Judge(new_id(), tenant, first, ready_made=False, run_count=0, created_at=now, updated_at=now)
        await self._store.write(rows.insert(judge, MAX_JUDGES))
        return judge

    async def update(
        self, tenant: Tenant, id_or_name: str, wanted: JudgeChange, changed_by: str | None = None
    ) -> Judge:
        """Add a version with what is to be different; without a difference, nothing. Raises as `create` does."""
        for _ in range(_TRIES):
            current = self._own(await self.get(tenant, id_or_name))
            latest = current.latest
            made = changed(latest, wanted)
            if made == latest:
                return current
            if made.model != latest.model:
                await self._check_model(tenant, made.model)
            made = replace(made, version=latest.version + 1, created_at=now_ms(), created_by=changed_by)
            if await self._store.write(rows.advance(current, made)):
                return replace(current, latest=made, updated_at=made.created_at)
        raise Conflict("judge_busy", f"Judge {id_or_name!r} is being changed by others just now; try again.")

    async def get(self, tenant: Tenant, id_or_name: str) -> Judge:
        """A judge in its latest version."""
        found = await self._store.read(rows.find(tenant, id_or_name))
        if found is None and id_or_name in ready_made():
            runs = await self._store.read(rows.runs(tenant, [id_or_name]))
            found = _ready(tenant, ready_made()[id_or_name], runs[id_or_name])
        if found is None:
            raise NotFound("judge_unknown", f"There is no judge {id_or_name!r} in this project.")
        return found

    async def page(self, tenant: Tenant, *, after_name: str = "", limit: int = 100) -> list[Judge]:
        """The project's own judges, in the order of their names, behind one."""
        return await self._store.read(rows.page(tenant, after_name, limit))

    async def count(self, tenant: Tenant) -> int:
        """How many judges of its own the project has."""
        return await self._store.read(rows.count(tenant))

    async def ready_made(self, tenant: Tenant) -> list[Judge]:
        """Those that come with Penstock."""
        made = ready_made()
        runs = await self._store.read(rows.runs(tenant, list(made)))
        return [_ready(tenant, one, runs[name]) for name, one in made.items()]

    async def version(self, tenant: Tenant, id_or_name: str, number: int | None = None) -> tuple[Judge, JudgeVersion]:
        """A judge with one of its versions, the latest for None. Raises `NotFound` for either."""
        judge = await self.get(tenant, id_or_name)
        if number is None or number == judge.latest.version:
            return judge, judge.latest
        found = None if judge.ready_made else await self._store.read(rows.version(judge, number))
        if found is None:
            detail = f"Judge {judge.latest.name!r} has no version {number}; its latest is {judge.latest.version}."
            raise NotFound("judge_version_unknown", detail)
        return judge, found

    async def versions(self, judge: Judge, *, before: int = 2**31, limit: int = 100) -> list[JudgeVersion]:
        """The versions of a judge, newest first."""
        if judge.ready_made:
            return [judge.latest] if judge.latest.version < before else []
        return await self._store.read(rows.versions(judge, before, limit))

    async def delete(self, tenant: Tenant, id_or_name: str) -> Judge:
        """Delete a judge with its versions; its name is free again, what it has said stays. Returns what it was."""
        judge = self._own(await self.get(tenant, id_or_name))
        await self._store.write(rows.delete(judge))
        return judge

    async def pin(self, tenant: Tenant, id_or_name: str, number: int | None = None, field: str = "judge") -> JsonObject:
        """A version as a run keeps it, with the model that judges, decided now.

        Raises `NotFound`, and `Invalid` at `field` when its model cannot be called.
        """
        judge, version = await self.version(tenant, id_or_name, number)
        model = version.model or await self.default_model(tenant)
        try:
            await self._catalog.resolve(tenant, model)
        except StepError as error:
            message = f"the model of judge {version.name!r}: {error.message}"
            raise Invalid(error.code, f"{field}: {message}", errors=(FieldError(field, message),)) from error
        return snapshot(judge.id, replace(version, model=model))

    async def default_model(self, tenant: Tenant) -> str:
        """Who judges where a judge names no model: the project's choice, else the default model."""
        return (await self._settings.of(tenant)).default_judge_model or self._catalog.default_model()

    async def _check_model(self, tenant: Tenant, model: str | None) -> None:
        """A key may still be put in; a model that does not exist will not come to be one."""
        if model is None:
            return
        try:
            await self._catalog.resolve(tenant, model)
        except StepError as error:
            if error.code == "model_unknown":
                raise Invalid(error.code, error.message, errors=(FieldError("model", error.message),)) from error

    @staticmethod
    def _own(judge: Judge) -> Judge:
        if judge.ready_made:
            detail = f"Judge {judge.latest.name!r} comes with Penstock; make one of your own from it."
            raise Forbidden("judge_ready_made", detail)
        return judge


def _ready(tenant: Tenant, made: ReadyMade, runs: int) -> Judge:
    return Judge(made.version.name, tenant, made.version, ready_made=True, run_count=runs, created_at=0, updated_at=0)
