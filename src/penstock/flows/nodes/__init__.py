"""Node types: one file each. Importing this package knows none of them; `registry()` loads them all."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from penstock.flows.nodes import base


@cache
def registry() -> Mapping[str, base.Node[Any]]:
    """Every node type by name: the files of this folder, and what packages add through `penstock.nodes`."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    for plugin in entry_points(group="penstock.nodes"):
        plugin.load()
    return base.REGISTRY
