"""ARC: science questions of grade school (Clark et al., arXiv 1803.05457)."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.evaluations.benchmarks.adapters import choices
from penstock.evaluations.benchmarks.adapters.base import Adapter, Unfit, list_at, object_at, rest, text_at
from penstock.evaluations.benchmarks.model import Details
from penstock.types import Json, JsonObject


def _row(row: JsonObject, stem: str) -> JsonObject:
    stem_text, labels, texts = _question(row)
    # Labels are letters in most rows and digits in some; letters throughout make one way of answering.
    question, lettered = choices.lettered(stem_text, texts)
    answer = text_at(row, "answerKey").strip()
    if answer not in labels:
        raise Unfit(f"its answerKey {answer[:20]!r} is none of its labels")
    return {
        "id": row.get("id"),
        "input": question,
        "truth": choices.letter_at(labels.index(answer), texts),
        "subset": row.get("subset"),
        "metadata": {**rest(row, "id", "question", "choices", "answerKey", "subset"), "choices": lettered},
    }


def _question(row: JsonObject) -> tuple[str, list[Json], list[Json]]:
    """The question, and the labels and texts of its options, in either of the layouts it is published in."""
    if isinstance(row.get("question"), Mapping):
        question = object_at(row, "question")
        options = [option for option in list_at(question, "choices") if isinstance(option, Mapping)]
        return text_at(question, "stem"), [o.get("label") for o in options], [o.get("text") for o in options]
    options_by_kind = object_at(row, "choices")
    return text_at(row, "question"), list_at(options_by_kind, "label"), list_at(options_by_kind, "text")


ADAPTER = Adapter(
    name="arc",
    layout='rows {"id", "question": {"stem", "choices": [{"text", "label"}]}, "answerKey"}, or'
    ' {"question", "choices": {"text": […], "label": […]}, "answerKey"}.',
    formats=frozenset({"json", "jsonl", "parquet"}),
    row_of=_row,
    details=Details(
        name="ARC",
        description="Science questions of grade school with options. Clark et al., 2018.",
        scorers=choices.SCORERS,
        prompt=choices.PROMPT,
        categories=("knowledge", "reasoning"),
        languages=("English",),
    ),
)
