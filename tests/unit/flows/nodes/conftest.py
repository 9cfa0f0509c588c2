from __future__ import annotations

from typing import Any, cast

import pytest

from penstock.flows.nodes.base import NodeContext
from penstock.flows.services import Services
from penstock.types import Tenant


@pytest.fixture
def context() -> NodeContext:
    """A run of a node that reaches nothing outside."""
    return NodeContext(
        tenant=Tenant("organization", "project"),
        execution_id="exec_1",
        item_path="0",
        flow_id="flow",
        flow_version=1,
        node="node",
        round=0,
        attempt=1,
        services=cast(Services, cast(Any, None)),
    )
