"""The prose about an evaluation: made from its statistics alone, by the same rules every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from penstock.evaluations.model import Evaluation
from penstock.types import JsonObject

_SHOWN = 3


class Named(msgspec.Struct):
    """A thing and what it is."""

    name: str
    description: str


class DatasetPart(msgspec.Struct):
    """How much was asked. Nothing is trained here, so all of it is for testing."""

    total_size: int
    training_size: int
    test_size: int
    characteristics: list[str]


class ModelPart(msgspec.Struct):
    """Whose answers these are, and what they were worth by each scorer."""

    model_name: str
    performance: dict[str, float | None]


class Performance(msgspec.Struct):
    """The subsets it did best and worst on."""

    strengths: list[str]
    challenges: list[str]


class ErrorAnalysis(msgspec.Struct):
    """What kept rows from being scored, the most frequent first."""

    common_failure_modes: list[str]
    example: str


class Takeaways(msgspec.Struct):
    """What to remember."""

    key_takeaways: list[str]


class EvaluationSummary(msgspec.Struct):
    """The whole of it."""

    name: str
    goal: str
    metrics: list[Named]
    task_types: list[Named]
    dataset: DatasetPart
    model: ModelPart
    performance_details: Performance
    error_analysis: ErrorAnalysis
    analysis_summary: Takeaways


def summary_of(evaluation: Evaluation, model_name: str, metrics: JsonObject) -> EvaluationSummary:
    """What there is to say of an evaluation that is over."""
    added_up: Any = metrics
    spec: Any = evaluation.spec
    scores, subsets = added_up["scores"], added_up["subsets"]
    benchmark = spec["benchmark"]["name"]
    rows = added_up["rows"]
    modes = list(_failure_modes(added_up))
    ranked = _ranked(subsets, evaluation.scorers[0])
    return EvaluationSummary(
        name=evaluation.name,
        goal=f"Measure how well {model_name} does on {benchmark}.",
        metrics=[Named(name, _scorer_text(score)) for name, score in scores.items()],
        task_types=[Named(name, f"{of[evaluation.scorers[0]]['n']} scored rows") for name, of in subsets.items()],
        dataset=DatasetPart(rows, 0, rows, _characteristics(added_up, evaluation)),
        model=ModelPart(model_name, {name: score["mean"] for name, score in scores.items()}),
        performance_details=Performance(
            strengths=[_subset_text(name, of) for name, of in ranked[:_SHOWN]],
            challenges=[_subset_text(name, of) for name, of in reversed(ranked[_SHOWN:][-_SHOWN:])],
        ),
        error_analysis=ErrorAnalysis(modes, modes[0] if modes else ""),
        analysis_summary=Takeaways(_takeaways(model_name, benchmark, added_up, evaluation.scorers[0], ranked)),
    )


def _ranked(subsets: Mapping[str, Any], scorer: str) -> Sequence[tuple[str, Any]]:
    """Subsets that have a mean, the best first."""
    found = [(name, of[scorer]) for name, of in subsets.items() if of[scorer]["mean"] is not None]
    return sorted(found, key=lambda one: (-one[1]["mean"], one[0]))


def _scorer_text(score: Any) -> str:
    if score["mean"] is None:
        return f"No value: none of {score['expected']} rows could be scored."
    return f"Mean {score['mean']:.3f}{_interval(score)} over {score['n']} of {score['expected']} rows."


def _subset_text(name: str, score: Any) -> str:
    return f"{name}: {score['mean']:.3f}{_interval(score)} over {score['n']} rows"


def _interval(score: Any) -> str:
    if score["low"] is None or score["high"] is None:
        return ""
    return f" ({score['level']:.0%} interval {score['low']:.3f} to {score['high']:.3f})"


def _characteristics(metrics: Any, evaluation: Evaluation) -> list[str]:
    said = [f"Version {evaluation.benchmark_version}"]
    if metrics["epochs"] > 1:
        said.append(f"Each row was asked {metrics['epochs']} times")
    if metrics["subsets"]:
        said.append(f"{len(metrics['subsets'])} subsets")
    if any(score["clusters"] for score in metrics["scores"].values()):
        said.append("Rows come in clusters, and the intervals take that into account")
    return said


def _failure_modes(metrics: Any) -> Iterator[str]:
    if metrics["failed"]:
        yield f"{metrics['failed']} rows got no answer"
    for name, score in metrics["scores"].items():
        for reason in score["reasons"]:
            yield f"{name}: {reason['reason']} ({reason['count']} times)"


def _takeaways(model: str, benchmark: str, metrics: Any, scorer: str, ranked: Sequence[tuple[str, Any]]) -> list[str]:
    score = metrics["scores"][scorer]
    if score["mean"] is None:
        return [f"Nothing can be said of {model} on {benchmark}: no row was scored."]
    said = [f"{model} scores {score['mean']:.3f}{_interval(score)} on {benchmark} by {scorer}."]
    if score["coverage"] < 1:
        said.append(f"Only {score['coverage']:.1%} of the rows could be scored; the mean is of those.")
    if len(ranked) > 1 and ranked[0][1]["low"] is not None and ranked[-1][1]["high"] is not None:
        best, worst = ranked[0], ranked[-1]
        apart = best[1]["low"] > worst[1]["high"]
        said.append(
            f"{best[0]} goes better than {worst[0]}."
            if apart
            else "The subsets cannot be told apart by this many rows."
        )
    return said
