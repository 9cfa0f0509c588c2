"""The file layouts of well-known benchmarks, by name."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.errors import FieldError, Invalid
from penstock.evaluations.benchmarks.adapters import arc, bbh, gsm8k, humaneval, ifeval, mmlu
from penstock.evaluations.benchmarks.adapters.base import Adapter

ADAPTERS: Mapping[str, Adapter] = {
    module.ADAPTER.name: module.ADAPTER for module in (arc, bbh, gsm8k, humaneval, ifeval, mmlu)
}


def adapter(name: str) -> Adapter:
    """Raises `Invalid` naming those that there are."""
    if name not in ADAPTERS:
        detail = f"{name!r} is no adapter; there are {', '.join(ADAPTERS)}."
        raise Invalid("adapter_unknown", detail, errors=(FieldError("adapter", detail),))
    return ADAPTERS[name]
