"""How far a version of a judge agrees with people, and people with each other.

Labels belong to a judge, verdicts to one of its versions: each version is compared with all labels, as its own menu and
threshold read them. What cannot be compared is counted, never guessed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from penstock.evaluations.scorers.menus import Binary, Scale
from penstock.judges.agreement import (
    Agreement,
    Coefficient,
    Metric,
    Weights,
    agreement,
    krippendorff_alpha,
)
from penstock.judges.definition import AnyMenu, menu_of
from penstock.judges.labels import FAIL, PASS, classes, on_menu, passes
from penstock.judges.model import Judge, JudgeVersion
from penstock.judges.row_verdicts import row_verdicts
from penstock.storage import annotations as rows
from penstock.storage.annotations import Annotation, JudgeVerdict, Subject
from penstock.storage.store import Store

MOST_LABELS = 50_000
"""The newest labels of a judge that are compared."""
MOST_SHOWN = 2_000
"""The newest labels that count where agreement stands beside scores: it is asked for often, and has to be quick."""
_PASSES = PASS, FAIL


@dataclass(frozen=True, slots=True)
class RaterAgreement:
    """Somebody beside the judge: one author, or all of them together (`author` None).

    `labels` is how many traces and rows were labelled, `missing` how many of those could not be compared, by why.
    `passes` compares pass and fail; `answers` the menu's own answers, where it has more than two: weighted by the
    square of the distance for a scale.
    """

    author: str | None
    labels: int
    missing: Mapping[str, int]
    passes: Agreement
    answers: Agreement | None


@dataclass(frozen=True, slots=True)
class PeopleAgreement:
    """People among themselves, by Krippendorff's alpha, over what two or more of them labelled."""

    authors: int
    passes: Coefficient
    answers: Coefficient | None
    metric: Metric


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """`judged` is how many traces this version has judged, `labelled` how many traces and rows of evaluations people
    have labelled for the judge.

    `complete` is False when there are more labels than are compared.
    """

    judge: Judge
    version: JudgeVersion
    judged: int
    labelled: int
    complete: bool
    everybody: RaterAgreement
    authors: tuple[RaterAgreement, ...]
    people: PeopleAgreement


@dataclass(frozen=True, slots=True)
class Standing:
    """The same in brief, to be shown beside a version's scores; `authors` are who labelled."""

    labelled: int
    complete: bool
    authors: tuple[str, ...]
    everybody: RaterAgreement


@dataclass(frozen=True, slots=True)
class Vote:
    """One author's label of a trace or a row as a version reads it."""

    answer: str | None
    passed: bool | None
    weight: float


@dataclass(slots=True)
class _Labels:
    """The newest labels, at most so many."""

    most: int
    by_subject: dict[Subject, dict[str, Vote]] = field(default_factory=lambda: defaultdict(dict))
    count: int = 0
    complete: bool = True

    def take(self, some: Sequence[Annotation], version: JudgeVersion, menu: AnyMenu) -> None:
        """Add those of whole traces and of rows, as a version reads them."""
        for label in some:
            if label.subject.span_id:
                continue
            if self.count == self.most:
                self.complete = False
                return
            said = Vote(on_menu(label.answer, menu), passes(label.answer, version), label.weight)
            self.by_subject[label.subject][label.author] = said
            self.count += 1

    @property
    def authors(self) -> list[str]:
        return sorted({author for said in self.by_subject.values() for author in said})


async def agreement_of(
    store: Store, judge: Judge, version: JudgeVersion, labels: AsyncIterator[list[Annotation]]
) -> JudgeAgreement:
    """Compare a version's last verdicts with the labels of traces and rows for its judge."""
    read = await _read(version, labels, MOST_LABELS)
    verdicts = await _verdicts(store, judge, version, read)
    judged = await store.read(rows.verdict_count(judge.tenant, judge.id, version.version))
    menu = menu_of(version.output)

    def compare() -> JudgeAgreement:
        one_by_one = [
            _rater(
                author, {one: said[author] for one, said in read.by_subject.items() if author in said}, verdicts, menu
            )
            for author in read.authors
        ]
        return JudgeAgreement(
            judge,
            version,
            judged,
            len(read.by_subject),
            read.complete,
            _everybody(read, verdicts, menu),
            tuple(one_by_one),
            _people(read.by_subject.values(), len(read.authors), menu),
        )

    return await asyncio.to_thread(compare)


async def standing_of(
    store: Store, judge: Judge, version: JudgeVersion, labels: AsyncIterator[list[Annotation]]
) -> Standing | None:
    """The same in brief, by the newest labels; None where nobody has labelled anything for the judge."""
    read = await _read(version, labels, MOST_SHOWN)
    if not read.by_subject:
        return None
    verdicts = await _verdicts(store, judge, version, read)
    everybody = await asyncio.to_thread(_everybody, read, verdicts, menu_of(version.output))
    return Standing(len(read.by_subject), read.complete, tuple(read.authors), everybody)


async def _read(version: JudgeVersion, labels: AsyncIterator[list[Annotation]], most: int) -> _Labels:
    menu, read = menu_of(version.output), _Labels(most)
    async for some in labels:
        await asyncio.to_thread(read.take, some, version, menu)
        if not read.complete:
            break
    return read


async def _verdicts(store: Store, judge: Judge, version: JudgeVersion, read: _Labels) -> dict[Subject, JudgeVerdict]:
    traces = [one.trace_id for one in read.by_subject if one.trace_id]
    said = await store.read(rows.last_verdicts(judge.tenant, judge.id, version.version, traces))
    of_rows = await row_verdicts(store, judge, version, [one for one in read.by_subject if one.evaluation_id])
    return {Subject(trace_id): verdict for trace_id, verdict in said.items()} | of_rows


def _everybody(read: _Labels, verdicts: Mapping[Subject, JudgeVerdict], menu: AnyMenu) -> RaterAgreement:
    return _rater(
        None, {one: together(list(said.values()), menu) for one, said in read.by_subject.items()}, verdicts, menu
    )


def _rater(
    author: str | None, said: Mapping[Subject, Vote], verdicts: Mapping[Subject, JudgeVerdict], menu: AnyMenu
) -> RaterAgreement:
    missing = {"notJudged": 0, "notOnMenu": 0, "undecided": 0}
    passed: list[tuple[str, str]] = []
    answers: list[tuple[str, str]] = []
    for subject, label in said.items():
        verdict = verdicts.get(subject)
        if verdict is None:
            missing["notJudged"] += 1
        elif label.passed is None:
            missing["undecided" if author is None else "notOnMenu"] += 1
        else:
            passed.append((_word(label.passed), _word(verdict.passed)))
        judged = None if verdict is None else on_menu(verdict.answer, menu)
        if label.answer is not None and judged is not None:
            answers.append((label.answer, judged))
    return RaterAgreement(
        author,
        len(said),
        {reason: count for reason, count in missing.items() if count},
        agreement(passed, _PASSES),
        None if isinstance(menu, Binary) else agreement(answers, classes(menu), weights=_weights(menu)),
    )


def _people(labelled: Iterable[Mapping[str, Vote]], authors: int, menu: AnyMenu) -> PeopleAgreement:
    labels = [list(said.values()) for said in labelled]
    passed = [[float(one.passed) for one in said if one.passed is not None] for said in labels]
    places = {answer: float(place) for place, answer in enumerate(classes(menu))}
    metric: Metric = "ordinal" if isinstance(menu, Scale) else "nominal"
    answers = [[places[one.answer] for one in said if one.answer is not None] for said in labels]
    return PeopleAgreement(
        authors,
        krippendorff_alpha(passed),
        None if isinstance(menu, Binary) else krippendorff_alpha(answers, metric=metric),
        metric,
    )


def together(said: Sequence[Vote], menu: AnyMenu) -> Vote:
    """What people say together: the side, or answer, with most weight; on a scale the weighted median. None for a
    tie."""
    passed = _heaviest([(str(one.passed), one.weight) for one in said if one.passed is not None])
    answers = [(one.answer, one.weight) for one in said if one.answer is not None]
    answer = _median(answers) if isinstance(menu, Scale) else _heaviest(answers)
    return Vote(answer, None if passed is None else passed == "True", sum(one.weight for one in said))


def _heaviest(votes: Sequence[tuple[str, float]]) -> str | None:
    sums: dict[str, float] = defaultdict(float)
    for answer, weight in votes:
        sums[answer] += weight
    first, *others = sorted(sums.items(), key=lambda one: -one[1]) or [("", 0.0)]
    return None if not first[1] or (others and others[0][1] == first[1]) else first[0]


def _median(votes: Sequence[tuple[str, float]]) -> str | None:
    """The lower one of two in the middle."""
    half, passed = sum(weight for _, weight in votes) / 2, 0.0
    for answer, weight in sorted(votes, key=lambda vote: int(vote[0])):
        passed += weight
        if passed >= half:
            return answer
    return None


def _weights(menu: AnyMenu) -> Weights:
    return "quadratic" if isinstance(menu, Scale) else "none"


def _word(passed: bool) -> str:
    return PASS if passed else FAIL
