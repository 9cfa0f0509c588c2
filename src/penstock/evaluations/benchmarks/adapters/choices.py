"""Questions with lettered options, as MMLU and ARC have them."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from penstock.evaluations.benchmarks.adapters.base import Unfit
from penstock.types import Json

PROMPT = "{{ input }}\n\nGive your reasoning in a few words, then write the letter of the right option as `Answer: X`."
SCORERS: tuple[Json, ...] = ({"type": "multiple_choice"},)

_MOST = len(ascii_uppercase)


def lettered(question: str, options: Sequence[Json]) -> tuple[str, dict[str, Json]]:
    """The question with its options below it, and the options for a row's metadata: letter → text. Raises `Unfit`."""
    if not 2 <= len(options) <= _MOST or not all(isinstance(option, str) and option.strip() for option in options):
        raise Unfit(f"its options are not 2 to {_MOST} texts")
    choices: dict[str, Json] = dict(zip(ascii_uppercase, options, strict=False))
    lines = [f"{letter}. {text}" for letter, text in choices.items()]
    return "\n".join([question.strip(), "", *lines]), choices


def letter_at(place: int, options: Sequence[Json]) -> str:
    """The letter of the option at a place, from 0. Raises `Unfit`."""
    if not 0 <= place < len(options):
        raise Unfit(f"its answer is option {place + 1} of {len(options)}")
    return ascii_uppercase[place]
