"""The generators of benchmarks, by name, and what they make of a seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import msgspec

from penstock.datasets.imports import SourceRows
from penstock.datasets.model import SourceRow
from penstock.errors import FieldError, Invalid
from penstock.evaluations.benchmarks.checking import CheckedRows
from penstock.evaluations.benchmarks.generators import (
    arithmetic,
    boolean_logic,
    dates,
    instructions,
    sorting,
    string_edits,
)
from penstock.evaluations.benchmarks.generators.base import (
    DIFFICULTIES,
    MAX_GENERATED_ROWS,
    Dice,
    Difficulty,
    Generator,
)
from penstock.evaluations.benchmarks.model import BenchmarkRow
from penstock.types import JsonObject

__all__ = [
    "DEFAULT_ROWS",
    "DIFFICULTIES",
    "GENERATORS",
    "MAX_GENERATED_ROWS",
    "Difficulty",
    "Recipe",
    "check",
    "rows_of",
]

GENERATORS: Mapping[str, Generator] = {
    module.GENERATOR.name: module.GENERATOR
    for module in (arithmetic, boolean_logic, dates, instructions, sorting, string_edits)
}

DEFAULT_ROWS = 200
_PATIENCE = 100
"""After so many repeated questions in a row, repeated ones are taken as well."""
_MAX_SEED = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that says which rows are generated."""

    generator: str
    seed: int = 0
    difficulty: Difficulty = "medium"
    rows: int = DEFAULT_ROWS

    def source(self) -> SourceRows:
        """The rows, numbered from 1."""
        dice = Dice(f"{self.generator}/{self.difficulty}/{self.seed}")
        questions = _different(GENERATORS[self.generator].questions(dice, self.difficulty))
        for number, row in enumerate(islice(questions, self.rows), 1):
            yield SourceRow(number, msgspec.to_builtins(msgspec.structs.replace(row, id=str(number))))

    def as_json(self) -> JsonObject:
        revision = GENERATORS[self.generator].revision
        return {**msgspec.to_builtins(self), "revision": revision}


def _different(questions: Iterator[BenchmarkRow]) -> Iterator[BenchmarkRow]:
    """The same without repeated ones, until there are hardly any others left."""
    seen: set[object] = set()
    repeats = 0
    for row in questions:
        if row.input in seen and repeats < _PATIENCE:
            repeats += 1
            continue
        if repeats < _PATIENCE:
            repeats = 0
            seen.add(row.input)
        yield row


def check(recipe: Recipe) -> Generator:
    """The recipe's generator. Raises `Invalid` naming each part that makes no sense."""
    faults = []
    if recipe.generator not in GENERATORS:
        faults.append(FieldError("generator", f"There are the generators {', '.join(GENERATORS)}."))
    if recipe.difficulty not in DIFFICULTIES:
        faults.append(FieldError("difficulty", f"It is one of {', '.join(DIFFICULTIES)}."))
    if not 1 <= recipe.rows <= MAX_GENERATED_ROWS:
        faults.append(FieldError("rows", f"Generate 1 to {MAX_GENERATED_ROWS:,} rows."))
    if not 0 <= recipe.seed <= _MAX_SEED:
        faults.append(FieldError("seed", f"It is a whole number from 0 to {_MAX_SEED}."))
    if faults:
        detail = "; ".join(f"{fault.path}: {fault.message}" for fault in faults)
        raise Invalid("recipe_invalid", detail, errors=tuple(faults))
    return GENERATORS[recipe.generator]


def rows_of(recipe: Recipe) -> CheckedRows:
    """The rows of a recipe, ready for an import."""
    needs_truth = GENERATORS[recipe.generator].needs_truth
    return CheckedRows(recipe.source(), lambda members: members, require_truth=needs_truth)
