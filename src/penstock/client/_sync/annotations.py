# Made from ../_async by scripts/unasync.py: change it there.
"""What people say of traces, and how far judges agree with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from penstock.client import calls
from penstock.client._sync.transport import Transport
from penstock.client.annotation_objects import AgreementReport, Annotation, AnnotationImport, ToLabel
from penstock.client.calls import Call
from penstock.client.objects import DatasetFormat, Page
from penstock.client.paths import dataset_format


class Annotations:
    """`client.annotations`. Judges are named by id or name, traces by their own id or their sender's."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add(
        self, trace: str, label: str | float | bool, *, judge: str | None = None, **more: str | float | None
    ) -> Annotation:
        """Label a trace for a judge: `"pass"`, `"fail"` (True, False), or an answer of its menu.

        `more` may say `rationale`, `author` (the key's name by default), `weight`, `span`, and `criterion` in place of
        a judge. What the same author said of the same thing before is replaced, and kept as its history. Raises
        BadRequestError for a label that is not on the menu, NotFoundError.
        """
        body = {"label": label, "judge": judge, **more}
        path = f"/traces/{calls.segment(trace)}/annotations"
        return self._transport.fetch(calls.post(path, _given(body), repeatable=True), Annotation)

    def add_to_row(
        self, evaluation: str, row: int, label: str | float | bool, **more: str | float | None
    ) -> Annotation:
        """Label a row of an evaluation's results, for a `judge` or a `criterion`; `more` is as for `add`."""
        body = {"evaluation": evaluation, "row": row, "label": label, **more}
        return self._transport.fetch(calls.post("/annotations", _given(body), repeatable=True), Annotation)

    def get(self, annotation: str) -> Annotation:
        """One label with what it said before. Raises NotFoundError."""
        return self._transport.fetch(calls.get(_path(annotation)), Annotation)

    def list(
        self,
        *,
        judge: str | None = None,
        trace: str | None = None,
        author: str | None = None,
        limit: int | None = None,
        **more: str | None,
    ) -> Iterator[Annotation]:
        """Labels, newest first: all that are wanted, or the first `limit`. `more`: `criterion`, `evaluation`."""
        query = {"judge": judge, "trace": trace, "author": author, **more}
        return self._transport.pages("/annotations", Annotation, most=limit, **query)

    def delete(self, annotation: str) -> None:
        """Delete a label with its history."""
        self._transport.send(calls.delete(_path(annotation)))

    def import_file(
        self,
        path: Path,
        *,
        format: DatasetFormat | None = None,  # noqa: A002 - the word for it
        on_bad: Literal["refuse", "skip"] = "refuse",
        **defaults: str | None,
    ) -> AnnotationImport:
        """Load labels from a JSON Lines, CSV, JSON or Parquet file.

        Each line has `trace` and `label`, and what else `add` takes; `judge`, `criterion` and `author` here are for
        lines that say none. With bad lines nothing is kept and BadRequestError names each, unless `on_bad="skip"`.
        """
        kind = format or dataset_format(path)
        call = Call(
            method="POST",
            path="/annotations/import",
            query={"format": kind, "onBad": on_bad, **_given(defaults)},
            headers={"content-type": "application/octet-stream"},
            body=path,
        )
        return self._transport.fetch(call, AnnotationImport)

    def export(self, path: Path, *, format: DatasetFormat | None = None, **wanted: str | None) -> int:  # noqa: A002
        """Write labels to a file that can be imported; returns the bytes. `wanted` is as for `list`."""
        call = calls.get("/annotations/export", format=format or dataset_format(path), **wanted)
        return self._transport.download(call, path)

    def next(self, judge: str, *, author: str | None = None, limit: int = 20) -> tuple[ToLabel, ...]:
        """What an author (the key's name by default) should label next for a judge, the most telling first."""
        path = f"/judges/{calls.segment(judge)}/labelling"
        page = (self._transport.send(calls.get(path, author=author, limit=limit))).parse(Page)
        return tuple(calls.parse(one, ToLabel) for one in page.data)

    def agreement(self, judge: str, version: int | None = None) -> AgreementReport:
        """How far a version of a judge, the latest by default, agrees with people, and people with each other."""
        path = f"/judges/{calls.segment(judge)}/agreement"
        return self._transport.fetch(calls.get(path, version=version), AgreementReport)


def _path(annotation: str) -> str:
    return f"/annotations/{calls.segment(annotation)}"


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
