"""The words for how a run stands, to and from Penstock's own."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.errors import FieldError, Invalid

EVALUATION: Mapping[str, str] = {
    "pending": "pending",
    "running": "in-progress",
    "paused": "paused",
    "completed": "success",
    "failed": "failure",
    # Those clients wait for ever on a cancelled run, so it counts as failed; its description says what it was.
    "cancelled": "failure",
    "timeout": "timeout",
}
QUEUED_WORK: Mapping[str, str] = {
    "pending": "pending",
    "running": "in_progress",
    # Trace evaluations and optimizations have no word for it, and it is not over.
    "paused": "in_progress",
    "completed": "success",
    "failed": "failure",
    "cancelled": "failure",
    "timeout": "failure",
}
"""Of trace evaluations and optimizations, which spell it otherwise than evaluations do."""
STREAM: Mapping[str, str] = {
    "pending": "queued",
    "running": "running",
    "paused": "paused",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "failed",
    "timeout": "failed",
}


def statuses_of(words: tuple[str, ...]) -> tuple[str, ...]:
    """Penstock's statuses behind an evaluation's words. Raises `Invalid` for one that is none of them."""
    found: list[str] = []
    for word in words:
        own = [status for status, theirs in EVALUATION.items() if theirs == word.replace("_", "-")]
        if word == "cancelled":
            own = ["cancelled"]
        if not own:
            what = f"must be one of {', '.join(dict.fromkeys(EVALUATION.values()))}, not {word!r}"
            raise Invalid("parameters_invalid", f"status {what}.", errors=(FieldError("status", what),))
        found += own
    return tuple(found)
