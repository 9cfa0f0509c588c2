"""What may be said of a judge, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import TypeAdapter, ValidationError

from penstock.datasets.model import check_name
from penstock.errors import FieldError, Invalid
from penstock.evaluations.scorers.menus import Binary, Labels, Menu, Scale
from penstock.judges.model import JudgeVersion
from penstock.types import Json, JsonObject

MAX_GOAL_CHARS = 20_000
MAX_RUBRIC_CHARS = 50_000
MAX_PARAMS_BYTES = 16 * 1024
MAX_TURNS = 50
DEFAULT_TURNS = 10
DEFAULT_THRESHOLD = 0.5

AnyMenu = Binary | Scale | Labels


@dataclass(frozen=True, slots=True)
class JudgeChange:
    """What a judge is to be; what is unset stays as it is. A new one needs `name` and `goal`.

    `output` is a menu: `"binary"`, `"scale"` (1 to 5), or an object as `evaluations.scorers.menus` has them. `model`
    None is the project's default judge, as it is when a run starts.
    """

    name: str | UnsetType = UNSET
    goal: str | UnsetType = UNSET
    rubric: str | UnsetType | None = UNSET
    model: str | UnsetType | None = UNSET
    output: Json | UnsetType = UNSET
    threshold: float | UnsetType = UNSET
    turns: int | UnsetType = UNSET
    params: JsonObject | UnsetType = UNSET


BLANK = JudgeVersion(
    version=0,
    name="",
    goal="",
    rubric=None,
    model=None,
    output={"type": "binary"},
    threshold=DEFAULT_THRESHOLD,
    turns=DEFAULT_TURNS,
    params={},
    created_at=0,
    created_by=None,
)


def changed(current: JudgeVersion, wanted: JudgeChange) -> JudgeVersion:
    """The definition with the change. Raises `Invalid` naming each field that is wrong."""
    given = {name: getattr(wanted, name) for name in wanted.__slots__ if getattr(wanted, name) is not UNSET}
    faults: list[FieldError] = []
    if "output" in given:
        try:
            given["output"] = menu_of(given["output"]).model_dump(mode="json")
        except ValueError as error:
            faults.append(FieldError("output", str(error)))
            del given["output"]
    made = replace(current, **given)
    faults += _faults(made)
    if faults:
        named = "; ".join(f"{fault.path}: {fault.message}" for fault in faults)
        raise Invalid("judge_invalid", named, errors=tuple(faults))
    check_name("judge", made.name)
    return made


def menu_of(output: Json) -> AnyMenu:
    """The menu that a judge's `output` says. Raises ValueError saying what is wrong with it."""
    given = {"type": output} if isinstance(output, str) else output
    try:
        menu: AnyMenu = _menus().validate_python(given)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in fault["loc"][1:])
        raise ValueError(f"{place}: {fault['msg']}" if place else fault["msg"]) from None
    if isinstance(menu, Labels):
        for label, value in menu.labels.items():
            if not 0 <= value <= 1:
                raise ValueError(f"label {label!r} is worth {value:g}; a judge's scores go from 0 to 1")
    return menu


@cache
def _menus() -> TypeAdapter[Any]:
    return TypeAdapter(Menu)


def _faults(made: JudgeVersion) -> Iterator[FieldError]:
    if not made.goal.strip() or len(made.goal) > MAX_GOAL_CHARS:
        yield FieldError("evaluationGoal", f"must have 1 to {MAX_GOAL_CHARS:,} characters, not only white space")
    if made.rubric is not None and len(made.rubric) > MAX_RUBRIC_CHARS:
        yield FieldError("rubric", f"is longer than {MAX_RUBRIC_CHARS:,} characters")
    if made.model is not None and not 0 < len(made.model) <= 300:
        yield FieldError("model", "must be the name of a model: `provider/name`, or that of a saved one")
    if not (math.isfinite(made.threshold) and 0 <= made.threshold <= 1):
        yield FieldError("threshold", "must lie between 0 and 1")
    if not 1 <= made.turns <= MAX_TURNS:
        yield FieldError("turns", f"must be a number from 1 to {MAX_TURNS}")
    if len(msgspec.json.encode(made.params)) > MAX_PARAMS_BYTES:
        yield FieldError("params", f"takes more than {MAX_PARAMS_BYTES:,} bytes as JSON")
