"""The code in what a model wrote."""

from __future__ import annotations

import ast
import re

_FENCE = re.compile(r"^[ \t]*```[ \t]*(\w*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_PYTHON = frozenset({"", "python", "python3", "py"})
_AFTER_THINKING = "</think>"


def code_in(text: str, entry_point: str | None = None) -> str:
    """The Python code of an answer: of its fenced blocks the last that defines the entry point, else the longest; the
    whole text where there is none. A block that was cut off counts."""
    text = text.rpartition(_AFTER_THINKING)[2]
    blocks: list[str] = [block for language, block in _FENCE.findall(text) if language.lower() in _PYTHON]
    if not blocks:
        return text
    if entry_point is not None:
        defining = [block for block in blocks if defines(block, entry_point)]
        if defining:
            return defining[-1]
    return max(blocks, key=len)


def defines(code: str, name: str) -> bool:
    """Whether a function, class or variable of this name is defined at the left margin."""
    return (
        re.search(rf"^(?:(?:async[ \t]+)?def|class)[ \t]+{re.escape(name)}\b|^{re.escape(name)}[ \t]*=", code, re.M)
        is not None
    )


def completed(prompt: str | None, code: str, entry_point: str | None) -> str:
    """The program: the code after what the prompt defines, or the prompt continued by the code.

    A continuation ends with its function: what follows at the left margin is not part of it.
    """
    if prompt is None:
        return code
    if entry_point is None or defines(code, entry_point):
        return f"{prompt}\n\n{code}"
    lines = code.splitlines(keepends=True)
    begun = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if lines and lines[begun][0] in " \t":
        end = (number for number, line in enumerate(lines) if number > begun and line.strip() and line[0] not in " \t")
        code = "".join(lines[: next(end, len(lines))])
    return prompt + code


def is_python(text: str) -> bool:
    """Whether it compiles, as far as its syntax goes."""
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
