"""What the models say when none is asked: the agent's answers as they are in the file, and a judge as a few rules.

So the example says the same on every machine. The judge obeys its instruction in the one point that matters here:
told to look for a step to take, it looks for one; told anything else, it falls for a friendly tone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

AGENT = "ferry-agent"
JUDGE = "scripted/judge"
"""The judge's model, and the one that proposes better instructions."""

WEAK_GOAL = "Is the answer a good one for the passenger?"
MIDDLING_GOAL = "Does the answer address the passenger politely and stay with the question that was asked?"
BETTER_GOAL = """\
Does the answer give the passenger a next step: where to go, whom to call, or what to open or fill in? A friendly tone \
without a step to take does not pass. A curt tone with a step does."""

_REFLECTION = "You improve the instruction of a language model"
_STEP = r"\b(app|counter|gate|desk|call|crew)\b"
_WARM = r"(Happy to help|Of course|Thank you|Gladly)"
_ANSWER = r"1\. agent [^\n]*\ninput:\n[^\n]*\noutput:\n[^\n]*"
"""The final answer, in a trace as a judge is shown it."""


def rules(cases: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The script of the model server."""
    told_of_steps = r"(?is)next step.*?"
    return [
        {"model": AGENT, "answers": {case["question"]: case["answer"] for case in cases}},
        {"contains": _REFLECTION, "times": 1, "text": f"```\n{MIDDLING_GOAL}\n```"},
        {"contains": _REFLECTION, "text": f"```\n{BETTER_GOAL}\n```"},
        _verdict(told_of_steps + _ANSWER + _STEP, "yes", "It names a step that the passenger can take."),
        _verdict(told_of_steps, "no", "There is no step to take in it."),
        _verdict(_ANSWER + _WARM, "yes", "It is friendly and to the point."),
        _verdict("", "no", "It is rather short and cold."),
    ]


def _verdict(pattern: str, answer: str, reasoning: str) -> dict[str, Any]:
    found = {"regex": pattern} if pattern else {}
    return {"model": JUDGE.partition("/")[2], **found, "json": {"reasoning": reasoning, "answer": answer}}
