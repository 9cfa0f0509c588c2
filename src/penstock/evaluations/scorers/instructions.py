"""`instructions`: whether an answer does what a program can check that it was told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from penstock.evaluations.scorers.base import Outcome, Sample, ScorerSettings, Unscorable, scored, scorer
from penstock.evaluations.scorers.pure import PureScorer
from penstock.evaluations.scorers.verifiable import KINDS, Arguments, BadInstruction
from penstock.types import Json

LANGUAGE = "language:response_language"


class InstructionsSettings(ScorerSettings):
    type: Literal["instructions"] = "instructions"
    accuracy: Literal["strict", "loose"] = "strict"
    """`loose` also tries the answer without its first line, its last line, both, and asterisks, since models put words
    and emphasis around what was asked for."""
    measure: Literal["all", "share"] = "all"
    """1 only when every instruction is followed, or the share of those that are."""


@scorer
class Instructions(PureScorer[InstructionsSettings]):
    """Whether the answer follows the row's `metadata.instructions`, `[{"id", "kwargs"}]`: the 25 kinds of IFEval
    (Zhou et al., arXiv 2311.07911), strict or loose, all of them or their share. An empty answer follows none. A row
    with a kind that is not known, or with the one that takes telling languages apart (`language:response_language`),
    cannot be scored. It needs no truth."""

    kind = "instructions"
    title = "Verifiable instructions"
    settings_type = InstructionsSettings

    def grade(self, sample: Sample) -> Outcome:
        given = sample.metadata.get("instructions")
        if not isinstance(given, list) or not given:
            return Unscorable("The row has no metadata.instructions.")
        versions = list(_versions(sample.text, loose=self.settings.accuracy == "loose"))
        failed = []
        for instruction in given:
            name = str(instruction.get("id")) if isinstance(instruction, Mapping) else "(none)"
            try:
                if not _followed(name, instruction, versions):
                    failed.append(name)
            except BadInstruction as error:
                return Unscorable(f"The instruction {name} cannot be checked: {error}.")
        if not failed:
            return scored(1.0)
        value = 0.0 if self.settings.measure == "all" else 1 - len(failed) / len(given)
        return scored(value, None, f"Not followed: {', '.join(failed)}.")


def _followed(name: str, instruction: Json, versions: list[str]) -> bool:
    """Whether any version of the answer follows an instruction."""
    if name == LANGUAGE:
        raise BadInstruction("telling languages apart is not part of this scorer")
    check = KINDS.get(name)
    if check is None or not isinstance(instruction, Mapping):
        raise BadInstruction("no such kind is known")
    kwargs = instruction.get("kwargs") or {}
    if not isinstance(kwargs, Mapping):
        raise BadInstruction("its kwargs are no object")
    arguments = Arguments(kwargs)
    # The check comes first, so that a row that cannot be scored is found out whatever the answer is.
    return any(check(version, arguments) and version.strip() for version in versions)


def _versions(answer: str, *, loose: bool) -> Iterator[str]:
    """The answer; for loose accuracy also without its first line, its last, both, and each without asterisks."""
    yield answer
    if not loose:
        return
    lines = answer.split("\n")
    cut = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    for version in (answer, *cut):
        yield version.replace("*", "")
    yield from cut
