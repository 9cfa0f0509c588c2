"""`json_diff`: how much of a JSON answer is as it should be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeGuard

import msgspec
from pydantic import Field

from penstock.evaluations.scorers.base import Outcome, Sample, as_text, scored, scorer
from penstock.evaluations.scorers.pure import NO_TRUTH, ExtractingSettings, PureScorer, shown
from penstock.evaluations.scorers.reading.json_text import NotJson, json_of
from penstock.types import Json

_NAMED = 10
_INDEX = re.compile(r"\[\d+\]")


class JsonDiffSettings(ExtractingSettings):
    type: Literal["json_diff"] = "json_diff"
    find: bool = True
    """Accept JSON among other text; otherwise only a code fence may stand around it."""
    ignore_order: bool = False
    """The order of lists makes no difference."""
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """By how much numbers may be off."""
    extra: Literal["count", "ignore"] = "count"
    """Whether what the answer has beyond the truth counts against it."""
    ignore: Annotated[tuple[str, ...], Field(max_length=1_000)] = ()
    """Paths that make no difference, with all below them: `created`, `items[*].id`, `items[0]`."""


@scorer
class JsonDiff(PureScorer[JsonDiffSettings]):
    """The share of leaves that agree: of the values (and empty lists and objects) of the truth, and of those that the
    answer has in places where the truth has nothing. A truth that is text is read as JSON where it is JSON. Numbers
    agree by value (1 is 1.0, but not true); the explanation names the first paths that differ."""

    kind = "json_diff"
    title = "JSON difference"
    settings_type = JsonDiffSettings

    def grade(self, sample: Sample) -> Outcome:
        if sample.truth is None:
            return NO_TRUTH
        try:
            answer = json_of(sample.output, find=self.settings.find)
            difference = Difference(self.settings)
            difference.compare(_value(sample.truth), answer, "")
        except NotJson as error:
            return self.settings.nothing_found(str(error))
        except RecursionError:
            return scored(0.0, None, "the answer is JSON nested too deeply")
        return difference.outcome()


def _value(truth: Json) -> Json:
    try:
        return json_of(truth, find=False)
    except NotJson:
        return truth


@dataclass
class Difference:
    """Counts leaves while it walks over two values, and keeps where they differ."""

    settings: JsonDiffSettings
    leaves: int = 0
    agreeing: int = 0
    faults: list[str] = field(default_factory=list)

    def outcome(self) -> Outcome:
        """The share of leaves that agree; 1 where nothing is left to compare."""
        if self.agreeing == self.leaves:
            return scored(1.0)
        more = self.leaves - self.agreeing - len(self.faults)
        named = "; ".join(self.faults) + (f"; and {more:,} more" if more > 0 else "")
        return scored(self.agreeing / self.leaves, None, named)

    def compare(self, truth: Json, answer: Json, path: str) -> None:
        """Count the leaves of both at this place and below."""
        if self._ignored(path):
            return
        if isinstance(truth, Mapping) and truth and isinstance(answer, Mapping):
            self._objects(truth, answer, path)
        elif _is_list(truth) and truth and _is_list(answer):
            self._lists(truth, answer, path)
        elif isinstance(truth, Mapping) or _is_list(truth):
            self._containers(truth, answer, path)
        else:
            self._leaf(_agree(truth, answer, self.settings.tolerance), path, truth, answer)

    def _objects(self, truth: Mapping[str, Json], answer: Mapping[str, Json], path: str) -> None:
        for name, value in truth.items():
            inner = f"{path}.{name}" if path else name
            if name in answer:
                self.compare(value, answer[name], inner)
            else:
                self._only(value, inner, "is missing")
        for name, value in answer.items():
            if name not in truth:
                self._extra(value, f"{path}.{name}" if path else name)

    def _lists(self, truth: Sequence[Json], answer: Sequence[Json], path: str) -> None:
        pairs = _matched(truth, answer) if self.settings.ignore_order else list(range(min(len(truth), len(answer))))
        for index, value in enumerate(truth):
            place = pairs[index] if index < len(pairs) else None
            if place is None:
                self._only(value, f"{path}[{index}]", "is missing")
            else:
                self.compare(value, answer[place], f"{path}[{index}]")
        for place in sorted(set(range(len(answer))).difference(pairs)):
            self._extra(answer[place], f"{path}[{place}]")

    def _containers(self, truth: Json, answer: Json, path: str) -> None:
        """The truth is a list or an object, and the answer is not, or the truth is empty."""
        same = type(truth) is type(answer) or (_is_list(truth) and _is_list(answer))
        if not truth and same:
            self._leaf(not answer or self.settings.extra == "ignore", path, truth, answer)
        else:
            self._only(truth, path, f"is {shown(as_text(answer), 60)}")

    def _only(self, value: Json, path: str, how: str) -> None:
        for inner in _leaves(value, path):
            if not self._ignored(inner):
                self._count(False, f"{inner or 'the answer'} {how}")

    def _extra(self, value: Json, path: str) -> None:
        if self.settings.extra == "count" and not self._ignored(path):
            self._only(value, path, "is extra")

    def _leaf(self, agrees: bool, path: str, truth: Json, answer: Json) -> None:
        self._count(agrees, "")
        if not agrees and len(self.faults) < _NAMED:
            texts = shown(as_text(answer), 60), shown(as_text(truth), 60)
            self.faults.append(f"{path or 'the answer'} is {texts[0]}, not {texts[1]}")

    def _count(self, agrees: bool, fault: str) -> None:
        self.leaves += 1
        self.agreeing += agrees
        if fault and len(self.faults) < _NAMED:
            self.faults.append(fault)

    def _ignored(self, path: str) -> bool:
        ignore = self.settings.ignore
        return bool(ignore) and (path in ignore or _INDEX.sub("[*]", path) in ignore)


def _is_list(value: Json) -> TypeGuard[Sequence[Json]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _agree(truth: Json, answer: Json, tolerance: float) -> bool:
    if isinstance(truth, bool) or isinstance(answer, bool):
        return truth is answer
    if isinstance(truth, int | float) and isinstance(answer, int | float):
        return truth == answer or abs(truth - answer) <= tolerance
    return type(truth) is type(answer) and truth == answer


def _leaves(value: Json, path: str) -> Iterator[str]:
    """The paths of the leaves of a value."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]")
    else:
        yield path


def _matched(truth: Sequence[Json], answer: Sequence[Json]) -> list[int | None]:
    """For each element of the truth the place in the answer of one that is the same; those left over on both sides are
    matched in their order."""
    places: dict[bytes, list[int]] = {}
    for index in reversed(range(len(answer))):
        places.setdefault(_key(answer[index]), []).append(index)
    same = [found.pop() if (found := places.get(_key(value))) else None for value in truth]
    taken = set(same)
    rest = (index for index in range(len(answer)) if index not in taken)
    return [next(rest, None) if index is None else index for index in same]


def _key(value: Json) -> bytes:
    return msgspec.json.encode(value, order="sorted")
