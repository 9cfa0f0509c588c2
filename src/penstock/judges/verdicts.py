"""From a judge's answer to a verdict; and what one turn of asking brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from penstock.judges.definition import menu_of
from penstock.judges.model import JudgeVersion, Step, Unscorable, Verdict
from penstock.models.usage import Usage, usd_from_nanos

MAX_REASONING_CHARS = 20_000


class Reply(msgspec.Struct, frozen=True, rename="camel", kw_only=True, omit_defaults=True):
    """What one turn brought: an answer that fits what was asked for, or the `reason` why there is none."""

    value: Any = None
    reason: str | None = None
    model: str = ""
    latency_ms: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nanos: int = 0
    unpriced_calls: int = 0


def reply_usage(before: Usage, after: Usage) -> dict[str, Any]:
    """What was consumed between two moments of a meter, as a reply has it."""
    return {
        "input_tokens": after.input_tokens - before.input_tokens,
        "output_tokens": after.output_tokens - before.output_tokens,
        "cost_nanos": after.cost_nanos - before.cost_nanos,
        "unpriced_calls": after.unpriced_calls - before.unpriced_calls,
    }


def verdict_of(
    version: JudgeVersion, said: Mapping[str, Any], replies: Sequence[Reply], steps: Sequence[Step]
) -> Verdict | Unscorable:
    """The verdict in an answer that fits the menu's schema, with what all turns took.

    A number that is whole but written as 4.0 is that number; anything that is not on the menu is unscorable.
    """
    menu, answer = menu_of(version.output), said["answer"]
    if isinstance(answer, float):
        answer = int(answer)
    try:
        score = menu.value(answer)
    except (KeyError, TypeError, ValueError):
        return Unscorable(f"The judge's answer is not on its menu: {str(answer)[:200]!r}")
    unpriced = any(reply.unpriced_calls for reply in replies)
    return Verdict(
        score=score,
        passed=score >= version.threshold,
        reasoning=str(said["reasoning"])[:MAX_REASONING_CHARS],
        answer=answer,
        model=replies[-1].model,
        turns=len(replies),
        steps=list(steps),
        latency_ms=round(sum(reply.latency_ms for reply in replies), 1),
        input_tokens=sum(reply.input_tokens for reply in replies),
        output_tokens=sum(reply.output_tokens for reply in replies),
        cost_usd=None if unpriced else usd_from_nanos(sum(reply.cost_nanos for reply in replies)),
    )
