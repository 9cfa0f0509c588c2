"""What people may say: an answer from a judge's menu, or pass or fail; for a criterion of their own, anything short."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from penstock.errors import FieldError, Invalid
from penstock.evaluations.scorers.menus import Binary, Scale
from penstock.judges.definition import AnyMenu, menu_of
from penstock.judges.model import JudgeVersion
from penstock.types import Json

PASS, FAIL = "pass", "fail"
MAX_LABEL_CHARS = 100
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,15})?", re.ASCII)
_PASSES: dict[str, bool] = {PASS: True, FAIL: False, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Label:
    """What was said, and what it is worth: `score` from 0 to 1, and whether it passes; None where it does not say."""

    answer: str | int | float
    score: float | None
    passed: bool | None


def judged_label(said: Json, version: JudgeVersion) -> Label:
    """A label for a judge. Pass and fail (true and false) are understood whatever its menu is.

    Raises `Invalid` when it is none of those, and not on the menu.
    """
    menu = menu_of(version.output)
    answer = _from_menu(said, menu)
    if answer is not None:
        score = menu.value(answer)
        return Label(answer, score, score >= version.threshold)
    passed = _passed(said)
    if passed is None:
        raise _invalid(f"{_short(said)} is not on the menu of judge {version.name!r}: {menu.words}, or pass or fail")
    if isinstance(menu, Binary):
        return Label("yes" if passed else "no", float(passed), passed)
    return Label(PASS if passed else FAIL, None, passed)


def free_label(said: Json) -> Label:
    """A label for a criterion: pass or fail (true or false), a number, or a short text of one line.

    A text that is a number is that number: files and command lines have no other way to say one. Raises
    `Invalid` for anything else.
    """
    passed = _passed(said)
    if passed is not None:
        return Label(PASS if passed else FAIL, float(passed), passed)
    if isinstance(said, str) and _NUMBER.fullmatch(said.strip()):
        said = float(said) if "." in said else int(said)
    # NaN is not below it either.
    if isinstance(said, int | float) and abs(said) < 2**53:
        return Label(said, float(said) if 0 <= said <= 1 else None, None)
    text = said.strip() if isinstance(said, str) else ""
    if not 0 < len(text) <= MAX_LABEL_CHARS or not text.isprintable():
        raise _invalid(f"{_short(said)} is no label: pass or fail, a number, or 1 to {MAX_LABEL_CHARS} characters")
    return Label(text, None, None)


def passes(answer: str | int | float, version: JudgeVersion) -> bool | None:
    """Whether an answer passes by this version's menu and threshold; None when it is not on that menu."""
    menu = menu_of(version.output)
    on_menu = _from_menu(answer, menu)
    return _passed(answer) if on_menu is None else menu.value(on_menu) >= version.threshold


def on_menu(answer: Json, menu: AnyMenu) -> str | None:
    """An answer as a class of the menu; None when it is not on it."""
    found = _from_menu(answer, menu)
    return None if found is None else str(found)


def classes(menu: AnyMenu) -> tuple[str, ...]:
    """Every answer that is on a menu, those of a scale in its order."""
    if isinstance(menu, Binary):
        return "yes", "no"
    if isinstance(menu, Scale):
        return tuple(str(step) for step in range(menu.min, menu.max + 1))
    return tuple(menu.labels)


def _from_menu(said: Json, menu: AnyMenu) -> str | int | None:
    text = said.strip() if isinstance(said, str) else said
    if isinstance(menu, Scale):
        return _step(text, menu)
    if isinstance(menu, Binary):
        word = text.lower() if isinstance(text, str) else text
        return word if word in ("yes", "no") and isinstance(word, str) else None
    return text if isinstance(text, str) and text in menu.labels else None


def _step(said: Json, menu: Scale) -> int | None:
    """A step of the scale: a whole number, also one that a file holds as text or with a decimal point."""
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        value = float(said)
    except (ValueError, OverflowError):
        return None
    return int(value) if math.isfinite(value) and value == int(value) and menu.min <= value <= menu.max else None


def _passed(said: Json) -> bool | None:
    if isinstance(said, bool):
        return said
    return _PASSES.get(said.strip().lower()) if isinstance(said, str) else None


def _short(said: Json) -> str:
    text = repr(said)
    return text if len(text) <= MAX_LABEL_CHARS else text[:MAX_LABEL_CHARS] + "…"


def _invalid(message: str) -> Invalid:
    return Invalid("label_invalid", message, errors=(FieldError("label", message),))
