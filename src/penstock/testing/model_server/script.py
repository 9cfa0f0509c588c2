"""What a script can say, and which of its rules a call meets."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, Literal

import msgspec


class Rule(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """One rule. All of its conditions must hold; the first rule that a call meets decides.

    Conditions: `contains` (in the last message), `regex` (searched in it), `model` (its name), `answers` (the last
    message is one of its keys). `times` counts: after so many calls the rule is passed over; with `each` it counts
    every last message on its own.

    What is answered: what `answers` has for the last message; or `text`, `json`, or `template` with `{last}`, `{model}`
    and `{n}` (the call's number). Or a failure: `status` with `retryAfterSeconds` and `error`, or a `behaviour`: `cut`
    sends half an answer and closes, `rubbish` answers 200 with something that is no JSON, `hang` never answers.
    `delayMs` comes on top of the server's; with the `behaviour` `drip` the answer begins at once, and takes that long.
    """

    contains: str | None = None
    regex: str | None = None
    model: str | None = None
    times: int | None = None
    each: bool = False
    answers: dict[str, str] | None = None
    text: str | None = None
    json: Any = msgspec.UNSET
    template: str | None = None
    finish_reason: str = "stop"
    status: int = 200
    retry_after_seconds: float | None = None
    error: str = "scripted failure"
    headers: dict[str, str] = {}
    behaviour: Literal["answer", "cut", "rubbish", "hang", "drip"] = "answer"
    delay_ms: float = 0.0

    def says(self, model: str, last: str, number: int) -> str | None:
        """The text that the rule answers, None when it leaves that to the model's name."""
        if self.answers is not None:
            return self.answers[last]
        if self.json is not msgspec.UNSET:
            return msgspec.json.encode(self.json).decode()
        if self.template is not None:
            return self.template.replace("{last}", last).replace("{model}", model).replace("{n}", str(number))
        return self.text


class ScriptFile(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """A script: `{"rules": [...], "delayMs": 0, "capacity": null}`.

    A call that comes while `capacity` others are being answered is refused at once with 429; null is any number.
    """

    rules: list[Rule] = []
    delay_ms: float | None = None
    capacity: int | None = None


class Script:
    """The rules in force, and how often each was met."""

    def __init__(self, rules: list[Rule]) -> None:
        self._rules = [(rule, re.compile(rule.regex) if rule.regex else None) for rule in rules]
        self._met: Counter[tuple[int, str]] = Counter()

    def rule(self, model: str, last: str) -> Rule | None:
        """The first rule that the call meets; it counts."""
        for number, (rule, regex) in enumerate(self._rules):
            if rule.model is not None and rule.model != model:
                continue
            if rule.contains is not None and rule.contains not in last:
                continue
            if regex is not None and not regex.search(last):
                continue
            if rule.answers is not None and last not in rule.answers:
                continue
            if rule.times is not None:
                key = (number, last if rule.each else "")
                if self._met[key] >= rule.times:
                    continue
                self._met[key] += 1
            return rule
        return None


def read_script(text: bytes) -> ScriptFile:
    """Raises msgspec.ValidationError, or DecodeError for what is no JSON, with the place of the fault."""
    return msgspec.json.decode(text, type=ScriptFile)
