"""How questions ask for the answer alone, and how it is found again."""

from __future__ import annotations

from penstock.types import Json

PROMPT = "{{ input }}\n\nEnd with a line `Answer: ` and the answer alone."

# The last line with something in it, without a bullet, the word before the answer and the emphasis around it.
_LAST_LINE = (
    r"(?im)^[\s*_#>`]*(?:[-•+]\s+[*_]*)?"
    r"(?:(?:the\s+)?(?:final\s+)?answer[\s*_]*(?::|is)[\s*_`]*)?([^\s*_#>`].*?)[\s*_.`]*$"
)

LAST_LINE: Json = {"type": "regex", "pattern": _LAST_LINE, "which": "last", "normalizeWhitespace": True}
LAST_LINE_ANY_CASE: Json = {
    "type": "regex",
    "pattern": _LAST_LINE,
    "which": "last",
    "normalizeWhitespace": True,
    "ignoreCase": True,
}
