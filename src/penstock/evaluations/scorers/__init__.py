"""Scorers: one file each. Importing this package knows none of them; `registry()` loads them all."""

from __future__ import annotations

import asyncio
import importlib
import logging
import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from penstock.evaluations.scorers import base

logger = logging.getLogger(__name__)


@cache
def registry() -> Mapping[str, type[base.Scorer[base.ScorerSettings]]]:
    """Every scorer by its type: the files of this folder, and what packages add through `penstock.scorers`.

    A package whose scorer cannot be loaded is left out, and the log says why: it must not take the others with it.
    """
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    for plugin in entry_points(group="penstock.scorers"):
        try:
            plugin.load()
        except Exception:
            logger.exception("the scorer %r of the package %s cannot be loaded", plugin.name, plugin.value)
    return base.REGISTRY


async def load() -> None:
    """Have `registry` ready without holding the event loop up: the first call imports every scorer."""
    await asyncio.to_thread(registry)
