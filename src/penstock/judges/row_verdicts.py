"""What a judge said as a scorer: its verdicts on rows of evaluations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from penstock.evaluations import results
from penstock.evaluations.model import Evaluation
from penstock.judges.model import Judge, JudgeVersion
from penstock.storage import evaluations as stored
from penstock.storage.annotations import JudgeVerdict, Subject
from penstock.storage.store import Store, chunked

SCORER = "judge"
"""The type of scorers that are judges."""
_ROWS_AT_ONCE = 200


async def row_verdicts(
    store: Store, judge: Judge, version: JudgeVersion, wanted: Iterable[Subject]
) -> dict[Subject, JudgeVerdict]:
    """A version's verdicts on those of these rows of evaluations that it has scored."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for one in wanted:
        numbers[one.evaluation_id].append(one.row_number)
    found: dict[Subject, JudgeVerdict] = {}
    for evaluation_id, chosen in numbers.items():
        evaluation = await store.read(stored.get(judge.tenant, evaluation_id))
        if evaluation is None:
            continue
        names = [name for name, kept in judge_scorers(evaluation) if _is(kept, judge, version)]
        for some in chunked(chosen, _ROWS_AT_ONCE) if names else ():
            for row in await results.with_numbers(store, evaluation, some):
                score = row.scores.get(names[0])
                if score is not None and score["status"] == "scored":
                    value = float(score["value"])
                    verdict = JudgeVerdict(score.get("answer"), value, value >= version.threshold)
                    found[Subject(evaluation_id=evaluation_id, row_number=row.number)] = verdict
    return found


def judge_scorers(evaluation: Evaluation) -> list[tuple[str, Any]]:
    """Name and snapshot of each of its scorers that is a judge."""
    spec: Any = evaluation.spec
    return [(one["name"], one["snapshot"]) for one in spec["scorers"] if one["type"] == SCORER]


def _is(kept: Any, judge: Judge, version: JudgeVersion) -> bool:
    return (kept["id"], kept["version"]) == (judge.id, version.version)
