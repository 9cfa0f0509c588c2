"""What an optimization found, measured on the examples that nothing was chosen by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from penstock.evaluations.statistics.differences import paired
from penstock.evaluations.statistics.sign_flips import sign_flips
from penstock.evaluations.statistics.verdicts import Verdict, verdict
from penstock.judges.agreement import agreement
from penstock.optimization.model import Example, Kappa, Measured, Outcome, Paired, Result
from penstock.optimization.targets import Classes

NOT_READ = "(none)"
"""The class of an answer that could not be read."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Both instructions on the test part. `after` and `paired` are None when the old one is the best there is."""

    outcome: Outcome
    summary: str
    before: Measured
    after: Measured | None
    paired: Paired | None


def compare(
    classes: Classes | None, test: Sequence[Example], before: Sequence[Result], after: Sequence[Result] | None
) -> Compared:
    """Hold the new instruction's results against the old one's. Takes a while: not for the event loop."""
    old = measured(classes, test, before)
    if after is None:
        summary = "Nothing was found that does better on the validation examples; the old instruction stays."
        return Compared("kept", summary, old, None, None)
    new = measured(classes, test, after)
    found = paired([one.score for one in before], [one.score for one in after])
    p_value, name = found.p_value, str(found.test)
    if found.wins is None:
        # Scores between 0 and 1 are mostly alike, and few: a test that supposes a spread would see too much in them.
        p_value = sign_flips([other.score - one.score for one, other in zip(before, after, strict=True)])
        name = "sign_flips"
    said = verdict(found, p_value=p_value)
    held = Paired(found.difference, found.low, found.high, found.level, p_value, name, len(test), _words(said))
    if new.score <= old.score:
        summary = "On the test examples the best one found does no better than the old one, which stays."
        return Compared("kept", summary, old, new, held)
    sure = said.decision == "better"
    summary = (
        "On the test examples the new instruction is better, by more than chance would explain."
        if sure
        else "On the test examples the new instruction does better; they are too few to be sure."
    )
    return Compared("better" if sure else "higher", summary, old, new, held)


def _words(said: Verdict) -> str:
    """What the difference means, in the words of optimizations."""
    if said.decision == "unclear":
        return said.text.replace("rows", "examples")
    return f"The new instruction is {said.decision}."


def measured(classes: Classes | None, examples: Sequence[Example], results: Sequence[Result]) -> Measured:
    """One instruction's results, added up. An answer that could not be read counts as wrong everywhere."""
    score = sum(result.score for result in results) / len(results)
    unscorable = sum(result.predicted is None for result in results)
    if classes is None:
        return Measured(len(results), score, None, None, {}, unscorable)
    pairs = [
        (example.truth, _answer(classes, example, result)) for example, result in zip(examples, results, strict=True)
    ]
    labels = [*classes.labels, *([NOT_READ] if any(said == NOT_READ for _, said in pairs) else [])]
    found = agreement(pairs, labels, weights=classes.weights)
    low, high = found.kappa.interval or (None, None)
    recalls = {one.label: one.recall for one in found.classes if one.recall is not None}
    kappa = Kappa(found.kappa.value, low, high, found.kappa.note)
    return Measured(len(results), score, found.accuracy, kappa, recalls, unscorable)


def _answer(classes: Classes, example: Example, result: Result) -> str:
    """The class of a result; without one, that farthest from the truth where classes are a scale, else none."""
    if result.predicted is not None:
        return result.predicted
    if classes.weights == "none":
        return NOT_READ
    place = classes.labels.index(example.truth)
    return classes.labels[0 if 2 * place > len(classes.labels) - 1 else -1]
