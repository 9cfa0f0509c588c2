"""Annotations and agreement as the API shows them."""

from __future__ import annotations

from typing import Literal

import msgspec

from penstock.accounts.scopes import allows
from penstock.clock import iso
from penstock.judges.agreement import Agreement, Coefficient
from penstock.judges.agreement_report import JudgeAgreement, PeopleAgreement, RaterAgreement
from penstock.judges.labelling import Candidate, Reason
from penstock.server.auth import Call
from penstock.storage import annotations as kept


class Annotation(msgspec.Struct, rename="camel"):
    """One label by one author. `label` is an answer of the judge's menu, or `pass` or `fail`; for a criterion also any
    text or number. `score` (0 to 1) and `passed` are what it is worth, null where it does not say."""

    id: str
    trace: str | None
    span: str | None
    evaluation: str | None
    row: int | None
    judge: str | None
    judge_name: str | None
    criterion: str | None
    author: str
    label: str | int | float
    score: float | None
    passed: bool | None
    rationale: str | None
    weight: float
    revision: int
    created_at: str
    updated_at: str


class AnnotationRevision(msgspec.Struct, rename="camel"):
    """What an annotation said before."""

    revision: int
    label: str | int | float
    score: float | None
    passed: bool | None
    rationale: str | None
    weight: float
    said_at: str


class AnnotationHistory(Annotation):
    """An annotation with what it said before, newest first, the last hundred."""

    history: list[AnnotationRevision] = []


class AgreementCoefficient(msgspec.Struct, rename="camel"):
    """Kappa or alpha. Null where it is not defined; `note` says why. `interval` is the one to quote (95 %)."""

    value: float | None
    n: int
    observed: float | None
    expected: float | None
    standard_error: float | None
    interval: list[float] | None
    bootstrap: list[float] | None
    asymptotic: list[float] | None
    note: str | None


class AgreementClass(msgspec.Struct, rename="camel"):
    """One answer: how often people gave it, the judge did, both did. Null where there is nothing to take a share of."""

    label: str
    people: int
    judge: int
    both: int
    precision: float | None
    recall: float | None


class AgreementTable(msgspec.Struct, rename="camel"):
    """`confusion[i][j]`: people said `labels[i]`, the judge `labels[j]`."""

    labels: list[str]
    confusion: list[list[int]]
    n: int
    accuracy: float | None
    kappa: AgreementCoefficient
    classes: list[AgreementClass]


class AgreementWith(msgspec.Struct, rename="camel"):
    """The judge beside one author, or beside all together (`author` null). `missing` counts labels that could not be
    compared: `notJudged`, `notOnMenu`, `undecided` (a tie)."""

    author: str | None
    labels: int
    missing: dict[str, int]
    passes: AgreementTable
    answers: AgreementTable | None


class AgreementOfPeople(msgspec.Struct, rename="camel"):
    """People among themselves: Krippendorff's alpha over traces and rows that two or more labelled."""

    authors: int
    metric: Literal["nominal", "ordinal", "interval"]
    passes: AgreementCoefficient
    answers: AgreementCoefficient | None


class AgreementReport(msgspec.Struct, rename="camel"):
    """A version of a judge beside people. `complete`: whether all labels are in it (the newest 50,000 are)."""

    judge: str
    judge_name: str
    version: int
    judged: int
    labelled: int
    complete: bool
    everybody: AgreementWith
    authors: list[AgreementWith]
    people: AgreementOfPeople


class AgreementStanding(msgspec.Struct, rename="camel"):
    """How far a judge's version agrees with people, in brief: with all `authors` together, over `labelled` traces and
    rows. `complete`: whether all labels are in it (the newest 2,000 are). Null in its place: nobody labelled any, or
    the key may not read labels."""

    labelled: int
    complete: bool
    authors: list[str]
    passes: AgreementTable
    answers: AgreementTable | None


class ToLabel(msgspec.Struct, rename="camel"):
    """A trace to label, and why. `verdicts` are the judge's, `labels` those of others; what they say is left out."""

    trace: str
    name: str
    reason: Reason
    verdicts: int
    labels: int


SCHEMAS = (
    Annotation,
    AnnotationRevision,
    AnnotationHistory,
    AgreementCoefficient,
    AgreementClass,
    AgreementTable,
    AgreementWith,
    AgreementOfPeople,
    AgreementReport,
    AgreementStanding,
    ToLabel,
)


def shown(one: kept.Annotation) -> Annotation:
    """An annotation."""
    subject = one.subject
    return Annotation(
        id=one.id,
        trace=subject.trace_id or None,
        span=subject.span_id or None,
        evaluation=subject.evaluation_id or None,
        row=None if subject.row_number == kept.NO_ROW else subject.row_number,
        judge=one.judge_id or None,
        judge_name=one.judge_name or None,
        criterion=one.criterion or None,
        author=one.author,
        label=one.answer,
        score=one.score,
        passed=one.passed,
        rationale=one.rationale,
        weight=one.weight,
        revision=one.revision,
        created_at=iso(one.created_at),
        updated_at=iso(one.updated_at),
    )


def shown_history(one: kept.Annotation, before: list[kept.Revision]) -> AnnotationHistory:
    """An annotation with what it said before."""
    history = [
        AnnotationRevision(
            said.revision, said.answer, said.score, said.passed, said.rationale, said.weight, iso(said.said_at)
        )
        for said in before
    ]
    return AnnotationHistory(**msgspec.structs.asdict(shown(one)), history=history)


def shown_candidate(one: Candidate) -> ToLabel:
    """A trace to be labelled."""
    return ToLabel(one.trace_id, one.trace_name, one.reason, one.verdicts, one.labels)


def shown_agreement(found: JudgeAgreement) -> AgreementReport:
    """A version of a judge beside people."""
    return AgreementReport(
        judge=found.judge.id,
        judge_name=found.version.name,
        version=found.version.version,
        judged=found.judged,
        labelled=found.labelled,
        complete=found.complete,
        everybody=_with(found.everybody),
        authors=[_with(author) for author in found.authors],
        people=_people(found.people),
    )


async def standing_of(call: Call, judge_id: str, version: int) -> AgreementStanding | None:
    """What is shown beside the scores of a judge's version; None where there are no labels, and for keys that may not
    read them."""
    if not allows(call.principal.scopes, "annotations:read"):
        return None
    found = await call.engine.annotations.standing(call.tenant, judge_id, version)
    if found is None:
        return None
    everybody = found.everybody
    answers = None if everybody.answers is None else _table(everybody.answers)
    return AgreementStanding(found.labelled, found.complete, list(found.authors), _table(everybody.passes), answers)


def _with(rater: RaterAgreement) -> AgreementWith:
    answers = None if rater.answers is None else _table(rater.answers)
    return AgreementWith(rater.author, rater.labels, dict(rater.missing), _table(rater.passes), answers)


def _people(people: PeopleAgreement) -> AgreementOfPeople:
    answers = None if people.answers is None else _coefficient(people.answers)
    return AgreementOfPeople(people.authors, people.metric, _coefficient(people.passes), answers)


def _table(found: Agreement) -> AgreementTable:
    return AgreementTable(
        labels=list(found.labels),
        confusion=[list(row) for row in found.confusion],
        n=found.n,
        accuracy=found.accuracy,
        kappa=_coefficient(found.kappa),
        classes=[
            AgreementClass(one.label, one.given, one.predicted, one.both, one.precision, one.recall)
            for one in found.classes
        ],
    )


def _coefficient(found: Coefficient) -> AgreementCoefficient:
    return AgreementCoefficient(
        value=found.value,
        n=found.n,
        observed=found.observed,
        expected=found.expected,
        standard_error=found.standard_error,
        interval=_ends(found.interval),
        bootstrap=_ends(found.bootstrap),
        asymptotic=_ends(found.asymptotic),
        note=found.note,
    )


def _ends(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)
