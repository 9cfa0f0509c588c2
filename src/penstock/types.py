"""Small types that every layer shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, Union

Json: TypeAlias = Union[bool, int, float, str, Sequence["Json"], Mapping[str, "Json"], None]  # noqa: UP007 - recursive, so it needs strings
"""Any JSON value. Treated as read-only once it has crossed a boundary."""

JsonObject: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whose data it is: every query that reads or writes for a caller names the project (and so the organization)."""

    organization_id: str
    project_id: str
