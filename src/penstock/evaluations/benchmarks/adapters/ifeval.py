"""IFEval: instructions whose fulfilment a program can check (Zhou et al., arXiv 2311.07911)."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.evaluations.benchmarks.adapters.base import Adapter, Unfit, list_at, rest, text_at
from penstock.evaluations.benchmarks.model import Details
from penstock.types import Json, JsonObject


def _row(row: JsonObject, stem: str) -> JsonObject:
    ids, kwargs = list_at(row, "instruction_id_list"), list_at(row, "kwargs")
    if len(ids) != len(kwargs):
        raise Unfit(f"it has {len(ids)} instructions and {len(kwargs)} kwargs")
    return {
        "id": row.get("key", row.get("id")),
        "input": text_at(row, "prompt"),
        "metadata": {
            **rest(row, "key", "id", "prompt", "instruction_id_list", "kwargs"),
            "instructions": [{"id": name, "kwargs": _given(given)} for name, given in zip(ids, kwargs, strict=True)],
        },
    }


def _given(kwargs: Json) -> dict[str, Json]:
    """The arguments that have a value: some files name every argument of every instruction, most of them null."""
    if not isinstance(kwargs, Mapping):
        raise Unfit("one of its kwargs is no object")
    return {name: value for name, value in kwargs.items() if value is not None}


ADAPTER = Adapter(
    name="ifeval",
    layout='rows {"key", "prompt", "instruction_id_list": […], "kwargs": [{…}, …]}.',
    formats=frozenset({"json", "jsonl", "parquet"}),
    row_of=_row,
    needs_truth=False,
    details=Details(
        name="IFEval",
        description="Instructions that a program can check, such as lengths and formats. Zhou et al., 2023.",
        scorers=({"type": "instructions"},),
        categories=("instructions",),
        languages=("English",),
    ),
)
