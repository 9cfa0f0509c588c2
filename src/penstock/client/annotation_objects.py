"""What Penstock answers about people's labels and agreement, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec

from penstock.client.objects import FieldFault, Record


class AnnotationRevision(Record, frozen=True, kw_only=True):
    """What an annotation said before."""

    revision: int
    label: str | int | float
    score: float | None = None
    passed: bool | None = None
    rationale: str | None = None
    weight: float = 1.0
    said_at: datetime | None = None


class Annotation(Record, frozen=True, kw_only=True):
    """One label by one author, of a trace, a span, or a row of an evaluation. `score` (0 to 1) and `passed` are what it
    is worth, None where it does not say. `history` is read only with one of them."""

    id: str
    trace: str | None = None
    span: str | None = None
    evaluation: str | None = None
    row: int | None = None
    judge: str | None = None
    judge_name: str | None = None
    criterion: str | None = None
    author: str
    label: str | int | float
    score: float | None = None
    passed: bool | None = None
    rationale: str | None = None
    weight: float = 1.0
    revision: int = 1
    created_at: datetime | None = None
    updated_at: datetime | None = None
    history: tuple[AnnotationRevision, ...] = ()


class AnnotationImport(Record, frozen=True, kw_only=True):
    """What an import did. `errors` names the first hundred lines that were skipped."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    errors: tuple[FieldFault, ...] = ()
    error_count: int = 0


class ToLabel(Record, frozen=True, kw_only=True):
    """A trace to label, and why."""

    trace: str
    name: str = ""
    reason: str
    verdicts: int = 0
    labels: int = 0


class Coefficient(Record, frozen=True, kw_only=True):
    """Kappa or alpha; None where it is not defined, and `note` says why. `interval` is the one to quote."""

    value: float | None = None
    n: int = 0
    observed: float | None = None
    expected: float | None = None
    standard_error: float | None = None
    interval: tuple[float, float] | None = None
    bootstrap: tuple[float, float] | None = None
    asymptotic: tuple[float, float] | None = None
    note: str | None = None


class AgreementClass(Record, frozen=True, kw_only=True):
    """One answer: how often people gave it, the judge did, both did."""

    label: str
    people: int = 0
    judge: int = 0
    both: int = 0
    precision: float | None = None
    recall: float | None = None


class AgreementTable(Record, frozen=True, kw_only=True):
    """`confusion[i][j]`: people said `labels[i]`, the judge `labels[j]`."""

    labels: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    n: int = 0
    accuracy: float | None = None
    kappa: Coefficient
    classes: tuple[AgreementClass, ...] = ()


class AgreementWith(Record, frozen=True, kw_only=True):
    """The judge beside one author, or beside all together (`author` None)."""

    author: str | None = None
    labels: int = 0
    missing: Mapping[str, int] = msgspec.field(default_factory=dict)
    passes: AgreementTable
    answers: AgreementTable | None = None


class AgreementStanding(Record, frozen=True, kw_only=True):
    """How far a judge's version agrees with people, in brief: with all `authors` together, over `labelled` traces and
    rows; those of the newest 2,000 labels, and `complete` says whether that is all."""

    labelled: int
    complete: bool = True
    authors: tuple[str, ...] = ()
    passes: AgreementTable
    answers: AgreementTable | None = None


class AgreementOfPeople(Record, frozen=True, kw_only=True):
    """People among themselves, by Krippendorff's alpha."""

    authors: int = 0
    metric: Literal["nominal", "ordinal", "interval"] = "nominal"
    passes: Coefficient
    answers: Coefficient | None = None


class AgreementReport(Record, frozen=True, kw_only=True):
    """A version of a judge beside people."""

    judge: str
    judge_name: str = ""
    version: int
    judged: int = 0
    labelled: int = 0
    complete: bool = True
    everybody: AgreementWith
    authors: tuple[AgreementWith, ...] = ()
    people: AgreementOfPeople
