"""What a kind of instruction is, and how its arguments are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from penstock.types import Json, JsonObject


class BadInstruction(ValueError):
    """An instruction that cannot be checked: its kind is not known, or an argument is missing; the message says it."""


class Arguments:
    """The arguments of one instruction. Each reader raises `BadInstruction` where there is no such argument."""

    def __init__(self, given: JsonObject) -> None:
        self._given = given

    def text(self, name: str) -> str:
        """A text; a number is taken as it is written."""
        value = self._needed(name)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise BadInstruction(f"its {name} must be a text")
        return str(value)

    def number(self, name: str) -> int:
        """A whole number of 0 or more; files of tables have it as 3.0."""
        value = self._needed(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < 0:
            raise BadInstruction(f"its {name} must be a whole number")
        return int(value)

    def texts(self, name: str) -> list[str]:
        """A list of texts."""
        value = self._needed(name)
        if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
            return [str(one) for one in value]
        raise BadInstruction(f"its {name} must be a list of texts")

    def holds(self, count: int, relation: str, bound: str) -> bool:
        """Whether a count is `less than` or `at least` the bound; the names are those of the two arguments."""
        wanted = self._given.get(relation, "at least")
        if wanted not in ("less than", "at least"):
            raise BadInstruction(f"its {relation} must be 'less than' or 'at least'")
        return count < self.number(bound) if wanted == "less than" else count >= self.number(bound)

    def _needed(self, name: str) -> Json:
        value = self._given.get(name)
        if value is None:
            raise BadInstruction(f"it has no {name}")
        return value


Check: TypeAlias = Callable[[str, Arguments], bool]

KINDS: dict[str, Check] = {}


def kind(name: str) -> Callable[[Check], Check]:
    """Put a check under its id."""

    def put(check: Check) -> Check:
        KINDS[name] = check
        return check

    return put
