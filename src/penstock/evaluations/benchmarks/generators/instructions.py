"""Instructions whose fulfilment a program can check, of the kinds of IFEval (Zhou et al., arXiv 2311.07911)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from penstock.evaluations.benchmarks.generators.base import Dice, Difficulty, Generator
from penstock.evaluations.benchmarks.generators.words import NOUNS, TOPICS
from penstock.evaluations.benchmarks.model import BenchmarkRow, Details
from penstock.types import Json

_COUNTS = {"easy": 1, "medium": 2, "hard": 3}
_TASKS = ("Write a short text about {topic}.", "Explain {topic} to a child.", "Write a letter to a friend on {topic}.")


@dataclass(frozen=True, slots=True)
class _Instruction:
    """How the model is told, and how the scorer knows: the kind, and what it is asked for."""

    text: str
    kind: str
    kwargs: Mapping[str, Json]


def _questions(dice: Dice, difficulty: Difficulty) -> Iterator[BenchmarkRow]:
    while True:
        # One of each group, since two of one group can contradict each other.
        groups = dice.some_of(_GROUPS if difficulty != "easy" else _GROUPS + _ALONE, _COUNTS[difficulty])
        wanted = [dice.one_of(group)(dice) for group in groups]
        task = dice.one_of(_TASKS).format(topic=dice.one_of(TOPICS))
        checks: Json = [{"id": one.kind, "kwargs": one.kwargs} for one in wanted]
        text = " ".join([task, *(one.text for one in wanted)])
        subset = wanted[0].kind.partition(":")[0] if len(wanted) == 1 else f"{len(wanted)} instructions"
        yield BenchmarkRow("", text, subset=subset, metadata={"instructions": checks})


def _fewest_words(dice: Dice) -> _Instruction:
    n = 10 * dice.number(4, 15)
    return _Instruction(
        f"Use at least {n} words.", "length_constraints:number_words", {"num_words": n, "relation": "at least"}
    )


def _most_words(dice: Dice) -> _Instruction:
    n = 10 * dice.number(5, 15)
    return _Instruction(
        f"Use less than {n} words.", "length_constraints:number_words", {"num_words": n, "relation": "less than"}
    )


def _sentences(dice: Dice) -> _Instruction:
    n = dice.number(3, 8)
    return _Instruction(
        f"Use less than {n} sentences.",
        "length_constraints:number_sentences",
        {"num_sentences": n, "relation": "less than"},
    )


def _keywords(dice: Dice) -> _Instruction:
    words = dice.some_of(NOUNS, 2)
    text = f'Use the words "{words[0]}" and "{words[1]}".'
    return _Instruction(text, "keywords:existence", {"keywords": words})


def _forbidden(dice: Dice) -> _Instruction:
    words = dice.some_of(("very", "really", "thing", "good", "nice", "because", "always", "never"), 2)
    text = f'Do not use the words "{words[0]}" and "{words[1]}".'
    return _Instruction(text, "keywords:forbidden_words", {"forbidden_words": words})


def _often(dice: Dice) -> _Instruction:
    word, n = dice.one_of(NOUNS), dice.number(2, 4)
    text = f'Use the word "{word}" at least {n} times.'
    return _Instruction(text, "keywords:frequency", {"keyword": word, "frequency": n, "relation": "at least"})


def _bullets(dice: Dice) -> _Instruction:
    n = dice.number(2, 5)
    text = f"Have exactly {n} bullet points, each on a line that begins with `* `."
    return _Instruction(text, "detectable_format:number_bullet_lists", {"num_bullets": n})


def _title(dice: Dice) -> _Instruction:
    text = "Give it a title in double angular brackets, such as <<A title>>."
    return _Instruction(text, "detectable_format:title", {})


def _placeholders(dice: Dice) -> _Instruction:
    n = dice.number(2, 5)
    text = f"Have at least {n} placeholders in square brackets, such as [name]."
    return _Instruction(text, "detectable_content:number_placeholders", {"num_placeholders": n})


def _postscript(dice: Dice) -> _Instruction:
    text = "At the end add a postscript that begins with P.S."
    return _Instruction(text, "detectable_content:postscript", {"postscript_marker": "P.S."})


def _lower_case(dice: Dice) -> _Instruction:
    text = "Write in English, in lower-case letters only, without any capital letter."
    return _Instruction(text, "change_case:english_lowercase", {})


def _capitals(dice: Dice) -> _Instruction:
    return _Instruction("Write in English, in capital letters only.", "change_case:english_capital", {})


def _no_comma(dice: Dice) -> _Instruction:
    return _Instruction("Do not use any comma.", "punctuation:no_comma", {})


_Make = Callable[[Dice], _Instruction]
_GROUPS: tuple[tuple[_Make, ...], ...] = (
    (_fewest_words, _most_words, _sentences),
    (_keywords, _forbidden, _often),
    (_bullets, _title, _placeholders),
    (_no_comma,),
)
_ALONE: tuple[tuple[_Make, ...], ...] = ((_lower_case, _capitals), (_postscript,))
"""These contradict some of the others, so they are asked for alone."""

GENERATOR = Generator(
    name="instructions",
    questions=_questions,
    needs_truth=False,
    details=Details(
        name="Instructions",
        description="Texts to be written under conditions that a program can check: lengths, words, formats.",
        scorers=({"type": "instructions"},),
        categories=("instructions",),
        languages=("English",),
    ),
)
