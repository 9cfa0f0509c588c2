"""What a project does not want shown in logs and callbacks: kept with its settings."""

from __future__ import annotations

import msgspec

from penstock.errors import Invalid, NotFound
from penstock.redaction import Redaction, faults_of
from penstock.storage import accounts as sql
from penstock.storage.store import Store
from penstock.types import Tenant

_NAME = "redact"


class _Settings(msgspec.Struct):
    redact: Redaction = Redaction()


class ProjectRedaction:
    """Reads and changes it. A change holds at once, for what was recorded before too."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, tenant: Tenant) -> Redaction:
        """The project's rules; none where it has none."""
        settings = await self._store.read(sql.project_settings(tenant.project_id))
        return msgspec.json.decode(settings or "{}", type=_Settings).redact

    async def change(self, tenant: Tenant, rules: Redaction) -> None:
        """Replace them. Raises `Invalid` naming each rule that cannot be used, `NotFound` for an unknown project."""
        faults = faults_of(rules)
        if faults:
            named = "; ".join(f"{fault.path} {fault.message}" for fault in faults)
            raise Invalid("redaction_invalid", f"These rules cannot be used: {named}.", errors=tuple(faults))
        if not await self._store.write(sql.change_settings(tenant, (_NAME,), {_NAME: msgspec.to_builtins(rules)})):
            raise NotFound("project_not_found", f"There is no project {tenant.project_id!r}.")
