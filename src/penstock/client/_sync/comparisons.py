# Made from ../_async by scripts/unasync.py: change it there.
"""Comparisons of evaluations, and what a number of rows can show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from penstock.client import calls
from penstock.client._sync.transport import Transport
from penstock.client.comparison_objects import (
    ComparedOutcome,
    ComparedRow,
    Comparison,
    Detectable,
    Picture,
    Suite,
)


class Comparisons:
    """`client.comparisons`. The first of the evaluations is the reference; differences are the others' minus its."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def compare(self, *evaluations: str, scorer: str | None = None, level: float | None = None) -> Comparison:
        """Two or more evaluations on the rows that they share, by one scorer (the reference's first by default).

        Raises ConflictError (`not_comparable`), naming what differs, when they did not measure the same, and
        (`evaluation_not_over`) while one of them runs.
        """
        return self._transport.fetch(
            calls.get("/comparisons", evaluations=",".join(evaluations), scorer=scorer, level=level), Comparison
        )

    def rows(
        self,
        reference: str,
        comparison: str,
        *,
        outcome: ComparedOutcome | None = None,
        search: str | None = None,
        scorer: str | None = None,
        limit: int | None = None,
    ) -> Iterator[ComparedRow]:
        """Rows that both have a value of, with both answers: all, or those of one outcome, or with a text."""
        return self._transport.pages(
            "/comparisons/rows",
            ComparedRow,
            most=limit,
            evaluations=f"{reference},{comparison}",
            outcome=outcome,
            search=search,
            scorer=scorer,
        )

    def suite(self, pairs: Sequence[tuple[str, str]], *, scorer: str | None = None, level: float = 0.95) -> Suite:
        """Pairs of (reference, comparison), of one benchmark or of many, judged together: the more there are, the more
        one would differ by chance."""
        asked = [{"reference": reference, "comparison": comparison} for reference, comparison in pairs]
        body = {"pairs": asked, "scorer": scorer, "level": level}
        return self._transport.fetch(calls.post("/comparisons/suite", body, repeatable=True), Suite)

    def detectable(
        self,
        n: int,
        *,
        p: float | None = None,
        correlation: float | None = None,
        discordance: float | None = None,
        difference: float | None = None,
    ) -> Detectable:
        """The smallest difference that `n` rows show, before a run; and how many rows show `difference`.

        For 0/1 scores of an expected accuracy `p`, of two sides with this `correlation` (0 by default); or say on which
        share of the rows they will differ (`discordance`).
        """
        call = calls.get(
            "/statistics/detectable",
            n=n,
            p=p,
            correlation=correlation,
            discordance=discordance,
            difference=difference,
        )
        return self._transport.fetch(call, Detectable)

    def save_plot(
        self, file: str | Path, *evaluations: str, show: Picture = "difference", scorer: str | None = None
    ) -> int:
        """Write a picture as SVG: of one evaluation its scores, of several what `show` names. Returns its bytes."""
        if len(evaluations) == 1:
            call = calls.get(f"/evaluations/{calls.segment(evaluations[0])}/plot.svg")
        else:
            call = calls.get("/comparisons/plot.svg", evaluations=",".join(evaluations), show=show, scorer=scorer)
        return self._transport.download(call, Path(file))
