"""The texts of a prompt document, each of which can be optimized, and what must stay in one."""

from __future__ import annotations

import re
from typing import Any

from penstock.flows.expressions import ExpressionError, template
from penstock.types import JsonObject

MAX_INSTRUCTION_CHARS = 50_000
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_PART = re.compile(r"messages\[(\d{1,3})\]\.content", re.ASCII)


def parts(document: JsonObject) -> dict[str, str]:
    """Its texts by their paths: `system`, then `prompt` or those of `messages`, a system's first."""
    given: Any = document
    found = {name: given[name] for name in ("system", "prompt") if given.get(name) is not None}
    said = list(enumerate(given.get("messages") or ()))
    for number, message in sorted(said, key=lambda one: one[1]["role"] != "system"):
        found[f"messages[{number}].content"] = message["content"]
    return found


def with_part(document: JsonObject, part: str, text: str) -> JsonObject:
    """The document with another text at a path of `parts`. Raises KeyError when it has no text there."""
    if part not in parts(document):
        raise KeyError(part)
    numbered = _PART.fullmatch(part)
    if numbered is None:
        return {**document, part: text}
    given: Any = document
    messages = list(given["messages"])
    place = int(numbered[1])
    messages[place] = {**messages[place], "content": text}
    return {**document, "messages": messages}


def kept(original: str, proposal: str) -> str:
    """A proposal in the place of a text, without white space around it.

    Raises ValueError when it is empty or too long, is no template, or has other placeholders (`{{ … }}` and
    `{% … %}`) than the original: one that is missing would hide what the prompt is about, one more has no value.
    """
    text = proposal.strip()
    if not 0 < len(text) <= MAX_INSTRUCTION_CHARS:
        raise ValueError(f"must have 1 to {MAX_INSTRUCTION_CHARS:,} characters")
    try:
        template(text)
    except ExpressionError as error:
        raise ValueError(f"is no template: {error}") from error
    before, after = placeholders(original), placeholders(text)
    faults = [f"drops {', '.join(sorted(before - after))}"] if before - after else []
    faults += [f"adds {', '.join(sorted(after - before))}"] if after - before else []
    if faults:
        raise ValueError(f"its placeholders must stay as they are: it {' and '.join(faults)}")
    return text


def placeholders(text: str) -> frozenset[str]:
    """What a template is filled in with, however it is spaced."""
    return frozenset(" ".join(tag.replace("{{", "{{ ").replace("}}", " }}").split()) for tag in _TAG.findall(text))
