"""Which of two answers is better: in an order that chance decides, so that a judge's liking for a place shows.

Judges prefer the first of two answers, or the second, more than they should (Zheng et al., arXiv 2306.05685). The order
depends on a seed and the pair's id alone, so the same pair is shown the same way again; over many pairs each place
holds each side about as often, and `tally` counts how often each place was chosen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from penstock.judges.judging import Asks, Material, judge
from penstock.judges.model import JudgeVersion, Unscorable
from penstock.types import Json, JsonObject

Side = Literal["a", "b", "tie"]
_LABELS: dict[str, float] = {"first": 1.0, "second": 0.0, "tie": 0.5}
_QUESTION = """\
Two answers are shown, as first and second. Which of them meets this better?

{goal}

The order is chance and says nothing; neither does length by itself. "tie" means that neither is better."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one input, None where that is not known. `id` decides, with the seed, which is shown first."""

    id: str
    input: Json
    a: Json
    b: Json


@dataclass(frozen=True, slots=True)
class Preference:
    """Which side is better, and why. `a_first` says how the two were shown."""

    better: Side
    reasoning: str
    a_first: bool

    @property
    def first_chosen(self) -> bool | None:
        """Whether the answer shown first was the better one; None for a tie."""
        return None if self.better == "tie" else (self.better == "a") == self.a_first


@dataclass(frozen=True, slots=True)
class Tally:
    """How often each side, and each place, was better. Without a liking for a place, both places are alike."""

    a: int = 0
    b: int = 0
    ties: int = 0
    first: int = 0
    second: int = 0


async def compare(version: JudgeVersion, pair: Pair, asks: Asks, *, seed: int = 0) -> Preference | Unscorable:
    """Which answer of a pair a judge prefers by its goal and rubric. Raises what `asks` does."""
    a_first = shows_a_first(pair.id, seed)
    said = await judge(asked_which(version), shown(pair, seed), asks)
    if isinstance(said, Unscorable):
        return said
    chosen: dict[str, Side] = {"first": "a" if a_first else "b", "second": "b" if a_first else "a", "tie": "tie"}
    return Preference(chosen[said.answer], said.reasoning, a_first)


def asked_which(version: JudgeVersion) -> JudgeVersion:
    """The judge that is asked which of two meets its goal better."""
    menu: JsonObject = {"type": "labels", "labels": dict(_LABELS)}
    return replace(version, goal=_QUESTION.format(goal=version.goal), output=menu)


def shown(pair: Pair, seed: int) -> Material:
    """A pair as the judge sees it."""
    first, second = (pair.a, pair.b) if shows_a_first(pair.id, seed) else (pair.b, pair.a)
    asked = () if pair.input is None else (("input", pair.input),)
    return Material((*asked, ("first", first), ("second", second)))


def shows_a_first(pair_id: str, seed: int) -> bool:
    """The order of a pair: as good as the toss of a coin, and always the same one."""
    return bool(hashlib.blake2b(f"{seed} {pair_id}".encode(), digest_size=1).digest()[0] & 1)


def tally(preferences: Iterable[Preference]) -> Tally:
    """Count sides and places."""
    made = list(preferences)
    sides, places = [one.better for one in made], [one.first_chosen for one in made]
    return Tally(sides.count("a"), sides.count("b"), sides.count("tie"), places.count(True), places.count(False))
