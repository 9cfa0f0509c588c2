"""What a judge may do with a long trace: list its spans, read one, search, and at last submit a verdict.

The protocol is JSON that any model can write: one object a turn, `{"tool": …, "args": {…}}`. What a tool finds comes
back as text; so does what is wrong with a call, and the judge may do better in its next turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.evaluations.scorers.menus import Binary, Labels, Scale, verdict_schema
from penstock.judges.reading import TraceText
from penstock.types import JsonObject

SUBMIT = "submit"
ARGUMENTS = {"list_spans": ("offset",), "read_span": ("span", "offset"), "search": ("query",)}
LISTED = 100
"""Spans in one page of the outline."""
MAX_RESULT_CHARS = 8_000
MAX_HITS = 20
_AROUND_CHARS = 120


def how_to_look(menu: Binary | Scale | Labels, turns: int) -> str:
    """What a judge of several turns is told of them."""
    return f"""\
The trace is too long to be shown at once. Look at it with tools. In each turn answer with one JSON object and nothing \
else:

{{"tool": "list_spans", "args": {{"offset": {LISTED}}}}}: the outline of the spans behind the first {LISTED}.
{{"tool": "read_span", "args": {{"span": "12", "offset": 0}}}}: what span 12 was given and gave back, from a \
character on.
{{"tool": "search", "args": {{"query": "refund"}}}}: where a text occurs, whatever its case.
{{"tool": "{SUBMIT}", "verdict": {{"reasoning": "…", "answer": …}}}}: your verdict, which ends the matter. \
"reasoning" is a few sentences that say why; "answer" is {menu.words}.

You have {turns} turns, the verdict included. Read what bears on the question rather than everything."""


def last_turn(menu: Binary | Scale | Labels) -> str:
    """What it is told when it has looked for long enough."""
    return (
        'This is your last turn. Give your verdict now: a JSON object with "reasoning", a few sentences that say why, '
        f'and then "answer", which is {menu.words}, and nothing else.'
    )


def turn_schema(menu: Binary | Scale | Labels) -> JsonObject:
    """JSON Schema of one turn. What a tool needs of its arguments it says itself, so that a slip costs a turn only."""
    args: JsonObject = {
        "type": ["object", "null"],
        "properties": {
            "span": {"type": ["string", "integer", "null"]},
            "query": {"type": ["string", "null"]},
            "offset": {"type": ["integer", "null"]},
        },
    }
    return {
        "type": "object",
        "properties": {
            "tool": {"type": "string", "enum": [*ARGUMENTS, SUBMIT]},
            "args": args,
            "verdict": {"anyOf": [{"type": "null"}, verdict_schema(menu)]},
        },
        "required": ["tool"],
    }


def use(text: TraceText, tool: str, args: Mapping[str, Any]) -> str:
    """What a tool finds in a trace. Reads all of it at worst: not for the event loop."""
    if tool == SUBMIT:
        return 'submit needs a "verdict".'
    # JSON knows no difference between 100 and 100.0.
    args = {name: int(value) if isinstance(value, float) else value for name, value in args.items()}
    offset = max(0, args.get("offset") or 0)
    if tool == "list_spans":
        return outline(text, offset)
    if tool == "read_span":
        return _read(text, str(args.get("span") or ""), offset)
    return _search(text, str(args.get("query") or ""))


def outline(text: TraceText, offset: int = 0) -> str:
    """A page of the outline."""
    total = len(text.spans)
    if offset >= total:
        return f"There are {total:,} spans; {offset:,} is behind the last."
    lines: list[str] = []
    length = 0
    for line in text.outline(offset, LISTED):
        length += len(line) + 1
        if lines and length > MAX_RESULT_CHARS:
            break
        lines.append(line)
    after = offset + len(lines)
    more = f"{total - after:,} more spans: list_spans with offset {after}" if after < total else "These were all."
    return "\n".join([*lines, f"({more})"])


def _read(text: TraceText, wanted: str, offset: int) -> str:
    number = text.find(wanted)
    if number is None:
        return f"There is no span {wanted[:100]!r}; give the number of one, 1 to {len(text.spans):,}, or its id."
    whole = text.span(number)
    part = whole[offset : offset + MAX_RESULT_CHARS]
    after = offset + len(part)
    if not part:
        return f"Span {number} has {len(whole):,} characters; {offset:,} is behind the last."
    if after < len(whole):
        part += f"\n(It goes on: {len(whole) - after:,} more characters at offset {after})"
    return part


def _search(text: TraceText, query: str) -> str:
    wanted = query.strip().lower()
    if not wanted:
        return 'search needs a "query": the text to look for.'
    hits: list[str] = []
    for number in range(1, len(text.spans) + 1):
        found = text.span(number)
        at = found.lower().find(wanted)
        if at >= 0:
            around = " ".join(found[max(0, at - _AROUND_CHARS) : at + len(wanted) + _AROUND_CHARS].split())
            hits.append(f"span {number}, at {at}: …{around[: 4 * _AROUND_CHARS]}…")
            if len(hits) == MAX_HITS:
                return "\n".join([*hits, f"(The first {MAX_HITS}; search for something narrower for others)"])
    return "\n".join(hits) or f"{query[:200]!r} does not occur in the trace."
