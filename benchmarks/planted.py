"""A judge with a flaw that is known, people's labels, and a script: of the judge's model, and of one that reflects.

A support agent's answers are judged. People fail answers that are rude, that send money back unasked for an order
number, and that are sorry and nothing else. The judge's model sees what is rude; the rest it sees only where the
instruction has the rule. The reflecting model finds a rule where it is shown two cases of it, or one and the other rule
is there already. Else it proposes something that is worse, or that changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["good", "rude", "money", "sorry"]

SEED = "Judge whether the agent's last answer treats the customer well."
MONEY_RULE = "An answer that pays anything out while no order number is known does not."
SORRY_RULE = "An answer that expresses regret and offers no way forward does not."
WITH_MONEY, WITH_SORRY = f"{SEED} {MONEY_RULE}", f"{SEED} {SORRY_RULE}"
MENDED = f"{WITH_MONEY} {SORRY_RULE}"
STRICT = f"{SEED} Find fault with every answer, without exception."
IDLE = f"{SEED} Consider also how friendly the greeting is."

JUDGE_MODEL, REFLECTION_MODEL = "judging", "reflecting"

_SAID: dict[Kind, str] = {
    "good": "Order {n} left us today and will be with you by Friday.",
    "rude": "Read the manual, {n} is not our problem.",
    "money": "No need to look anything up, {n} dollars are on their way to you.",
    "sorry": "We are shocked, {n} should never have happened.",
}
_SEEN: dict[Kind, str] = {
    "rude": "is not our problem",
    "money": "dollars are on their way",
    "sorry": "should never have happened",
}
_WHY: dict[Kind, str] = {
    "good": "Says what happens next.",
    "rude": "Insults the customer.",
    "money": "Nobody has looked up the order.",
    "sorry": "The customer knows no more than before.",
}
_ORDER: tuple[Kind, ...] = ("good", "money", "sorry", "good", "rude", "money", "good", "sorry")


@dataclass(frozen=True)
class Case:
    """One answer of the agent, what people say of it, and why."""

    kind: Kind
    asked: str
    said: str

    @property
    def passed(self) -> bool:
        return self.kind == "good"

    @property
    def why(self) -> str:
        return _WHY[self.kind]


def cases(count: int) -> list[Case]:
    """So many: of eight three are good, two pay out unasked, two are only sorry, and one is rude."""
    kinds = [_ORDER[number % len(_ORDER)] for number in range(count)]
    return [
        Case(kind, f"Where is order {1000 + number}?", _SAID[kind].format(n=1000 + number))
        for number, kind in enumerate(kinds)
    ]


def script() -> list[dict[str, Any]]:
    """The rules of the scripted model server: what it answers depends on nothing but what it is asked."""
    return [*_reflecting(), *_judging()]


def _judging() -> list[dict[str, Any]]:
    fails = [
        re.escape("without exception"),
        f"(?s){re.escape(MONEY_RULE)}.*{_SEEN['money']}",
        f"(?s){re.escape(SORRY_RULE)}.*{_SEEN['sorry']}",
        _SEEN["rude"],
    ]
    refused = [{"model": JUDGE_MODEL, "regex": pattern, "json": _verdict("no")} for pattern in fails]
    return [*refused, {"model": JUDGE_MODEL, "json": _verdict("yes")}]


def _verdict(answer: str) -> dict[str, str]:
    return {"reasoning": f"By the instruction: {answer}.", "answer": answer}


def _reflecting() -> list[dict[str, Any]]:
    money, sorry = _SEEN["money"], _SEEN["sorry"]
    finds = [
        (f"(?s){re.escape(MONEY_RULE)}.*{sorry}", MENDED),
        (f"(?s){re.escape(SORRY_RULE)}.*{money}", MENDED),
        (_two(money), WITH_MONEY),
        (_two(sorry), WITH_SORRY),
        (money, STRICT),
        ("", IDLE),
    ]
    return [{"model": REFLECTION_MODEL, "regex": seen, "text": f"```\n{found}\n```"} for seen, found in finds]


def _two(seen: str) -> str:
    """Two cases of one kind: the same one may stand in a prompt more than once."""
    return rf"(?s)\b(\d{{4}}) {seen}.*\b(?!\1)\d{{4}} {seen}"
