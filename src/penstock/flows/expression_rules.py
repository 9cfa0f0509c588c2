"""What a template or an expression may contain: checked word by word before minijinja sees it.

minijinja counts instructions (fuel), not the memory or the time that one instruction takes; a failed allocation, or a
parser that recurses too deep, would end the whole process. So before anything is compiled this module

- admits only the statements, functions, filters and methods listed here: none changes a value, none multiplies its
  size without a cap;
- bounds what one block holds, which bounds the parser's recursion;
- works out `growth`, how many times as large as the values an intermediate result can get: each binding (`set`,
  `for`) may multiply by the names it mentions, and a list written out as text is longer than what it holds;
- rewrites `a * b` so that it takes numbers only (text and lists would be repeated), and puts a look at the clock
  into each loop.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_SOURCE_CHARS = 100_000
MAX_BLOCK_WORDS = 4_000
MAX_ELIFS = 200
MAX_GROWTH = 1_000_000
MAX_MAP_ARGUMENT_CHARS = 100
_LIST_AS_TEXT = 6
"""How many times as long as its elements a list is when it is written out: `x` becomes `['x', `."""


def _vocabulary(words: str) -> frozenset[str]:
    return frozenset(words.split())


STATEMENTS = _vocabulary("if elif else endif for endfor set break continue")
FUNCTIONS = frozenset({"range", "dict"})
_LISTING_FILTERS = _vocabulary(
    "chain dictsort groupby items lines list map reject rejectattr reverse select selectattr sort split unique zip"
)
FILTERS = _LISTING_FILTERS | _vocabulary(
    """abs attr bool capitalize count d default first float indent int join last length lower max min replace round
    string sum title tojson trim truncate upper urlencode"""
)
TESTS = _vocabulary(
    """boolean defined divisibleby endingwith eq equalto even false float ge gt in integer iterable le lower lt mapping
    ne none number odd sameas sequence startingwith string true undefined upper"""
)
METHODS = _vocabulary(
    """capitalize count endswith find get index isalnum isalpha isascii isdigit islower isnumeric isspace isupper items
    keys lower lstrip rfind rstrip split splitlines startswith strip title upper values"""
)
_OPERATORS_IN_WORDS = _vocabulary("and or not in is if else elif set for")
_KEYWORDS = _OPERATORS_IN_WORDS | _vocabulary("endif endfor break continue true false none True False None")

NUMBER_FILTER = "__number"
CLOCK_FUNCTION = "__clock"

_WORD = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<number>\d\w*(?:\.\d\w*)?)"""
    r"""|(?P<name>[^\W\d]\w*)|(?P<operator>\*\*|//|==|!=|<=|>=|.)""",
    re.DOTALL,
)
_OPEN = re.compile(r"\{\{|\{%|\{#")
_CLOSE = {"": re.compile(r"(?!)"), "}}": re.compile(r"[-+]?\}\}"), "%}": re.compile(r"[-+]?%\}")}
_BRACKETS = {")": "(", "]": "[", "}": "{"}


class ExpressionError(ValueError):
    """A template or an expression does not compile; the message says why, and on which line."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A text that passed. `text` is what minijinja compiles, `growth` as in the module's description.

    `names` are the names that are mentioned and never bound; `guarded` those that are asked for with `is defined` or
    `|default`: they may be missing.
    """

    text: str
    growth: int
    names: frozenset[str]
    guarded: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str
    """`string`, `number`, `name` or `operator`."""
    text: str
    start: int

    @property
    def ends_a_value(self) -> bool:
        return self.text in (")", "]", "}") or self.kind in ("string", "number") or self.is_name

    @property
    def is_name(self) -> bool:
        return self.kind == "name" and self.text not in _KEYWORDS


@dataclass(frozen=True, slots=True)
class _Block:
    """The words between two delimiters, `closing` being the second one; a bare expression is a block without."""

    words: list[_Word]
    end: int
    closing: str

    @property
    def statement(self) -> str:
        return self.words[0].text if self.closing.endswith("%}") and self.words else ""


def check_expression(source: str) -> Checked:
    """Check a bare expression. Raises `ExpressionError`."""
    _check_length(source)
    return _check(source, [_read_block(source, 0, "")])


def check_template(source: str) -> Checked:
    """Check a text with `{{ }}`, `{% %}` and `{# #}`. Raises `ExpressionError`."""
    _check_length(source)
    return _check(source, list(_blocks(source)))


def _check(source: str, blocks: list[_Block]) -> Checked:
    bindings, uses = 1, 0
    bound, mentioned, guarded = set[str](), set[str](), set[str]()
    for block in blocks:
        bound |= _check_statement(source, block)
        _check_words(source, block.words)
        mentioned |= _mentioned(block.words)
        guarded |= _guarded(block.words)
        if block.statement in ("for", "set"):
            bindings = _bounded(bindings * _growth(_bound_value(block)))
        else:
            uses += _growth(block.words)
    if sum(block.statement == "elif" for block in blocks) > MAX_ELIFS:
        raise ExpressionError(f"there are more than {MAX_ELIFS} `elif` branches")
    growth = _bounded(bindings * max(1, uses))
    return Checked(_rewritten(source, blocks), growth, frozenset(mentioned - bound), frozenset(guarded))


def _check_length(source: str) -> None:
    if len(source) > MAX_SOURCE_CHARS:
        raise ExpressionError(f"it is longer than {MAX_SOURCE_CHARS} characters")


def _bounded(growth: int) -> int:
    if growth > MAX_GROWTH:
        raise ExpressionError("it could make values grow without bound: use each name less often in `set` and `for`")
    return growth


def _fault(source: str, position: int, message: str) -> ExpressionError:
    return ExpressionError(f"line {source.count(chr(10), 0, position) + 1}: {message}")


def _blocks(source: str) -> Iterator[_Block]:
    at = 0
    while opened := _OPEN.search(source, at):
        if opened.group() == "{#":
            at = source.find("#}", opened.end()) + 2
            if at == 1:
                raise _fault(source, opened.start(), "the comment is not closed by `#}`")
            continue
        block = _read_block(source, opened.end(), "}}" if opened.group() == "{{" else "%}")
        yield block
        at = block.end


def _read_block(source: str, start: int, close: str) -> _Block:
    """The words from `start` to `close`; as minijinja does, `}}` closes only where no bracket is open."""
    words: list[_Word] = []
    brackets: list[str] = []
    at = start + (source[start : start + 1] in ("-", "+") and bool(close))
    while at < len(source):
        if not brackets and (closing := _CLOSE[close].match(source, at)):
            return _Block(words, closing.end(), closing.group())
        match = _WORD.match(source, at)
        if match is None or match.lastgroup is None:
            raise _fault(source, at, "unreadable")
        at = match.end()
        if match.lastgroup == "space":
            continue
        word = _Word(match.lastgroup, match.group(), match.start())
        if word.kind == "operator":
            _follow_brackets(source, word, brackets)
        words.append(word)
        if len(words) > MAX_BLOCK_WORDS:
            raise _fault(source, start, f"one block holds more than {MAX_BLOCK_WORDS} words")
    if close:
        raise _fault(source, start, f"the block is not closed by `{close}`")
    return _Block(words, at, "")


def _follow_brackets(source: str, word: _Word, brackets: list[str]) -> None:
    if word.text in ("'", '"'):
        raise _fault(source, word.start, "a string is not closed")
    if word.text in _BRACKETS.values():
        brackets.append(word.text)
    elif word.text in _BRACKETS and (not brackets or brackets.pop() != _BRACKETS[word.text]):
        raise _fault(source, word.start, f"unexpected `{word.text}`")


def _check_statement(source: str, block: _Block) -> set[str]:
    """Returns the names that the statement binds."""
    statement = block.statement
    if not block.closing.endswith("%}"):
        return set()
    if statement not in STATEMENTS:
        raise _fault(source, block.end, f"there is no statement {statement!r} here; known: {_listed(STATEMENTS)}")
    texts = [word.text for word in block.words]
    sign = {"for": "in", "set": "="}.get(statement)
    if sign is None:
        return set()
    if sign not in texts:
        raise _fault(source, block.end, f"`{statement}` needs `{sign}` and a value")
    targets = texts[1 : texts.index(sign)]
    if FUNCTIONS & set(targets) or "." in targets:
        raise _fault(source, block.end, f"`{statement}` cannot assign to {' '.join(targets)!r}")
    if statement == "for" and "recursive" in texts:
        raise _fault(source, block.end, "loops cannot be recursive")
    return {"loop", *targets} if statement == "for" else set(targets)


def _check_words(source: str, words: list[_Word]) -> None:
    """Only the calls, filters and tests that are listed; see the module's description for what that buys."""
    for index, word in enumerate(words):
        if word.kind == "name" and word.text.startswith("__"):
            raise _fault(source, word.start, f"names cannot start with two underscores: {word.text!r}")
        role = _role(words, index)
        known = {"filter": FILTERS, "test": TESTS}.get(role)
        if known and word.text not in known:
            raise _fault(source, word.start, f"there is no {role} {word.text!r}; known: {_listed(known)}")
        if role == "filter" and word.text == "map":
            _check_map(source, words[index + 1 :])
        if word.text == "(" and index:
            _check_call(source, words[index - 1], _role(words, index - 1))


def _role(words: list[_Word], index: int) -> str:
    """What a word is by the one before it: a `filter`, a `test`, a `field`, or else a `value`."""
    before = words[index - 1].text if index else ""
    if before == "not" and index > 1 and words[index - 2].text == "is":
        return "test"
    if before == "is":
        return "value" if words[index].text == "not" else "test"
    return {"|": "filter", ".": "field"}.get(before, "value")


def _check_call(source: str, called: _Word, role: str) -> None:
    if role in ("filter", "test") or not called.ends_a_value:
        return
    if called.kind != "name":
        raise _fault(source, called.start, "a value cannot be called")
    kind, known = ("method", METHODS) if role == "field" else ("function", FUNCTIONS)
    if called.text not in known:
        raise _fault(source, called.start, f"there is no {kind} {called.text!r}; known: {_listed(known)}")


def _check_map(source: str, words: list[_Word]) -> None:
    """`map` gives its arguments to each element, so that a large one would be multiplied: short literals only."""
    if not words or words[0].text != "(":
        return
    for index, word in enumerate(words[1:], start=1):
        if word.text == ")":
            return
        keyword = word.kind == "name" and index + 1 < len(words) and words[index + 1].text == "="
        constant = word.kind in ("string", "number") or word.text in ("true", "false", "none")
        if len(word.text) > MAX_MAP_ARGUMENT_CHARS or not (keyword or constant or word.text in (",", "=", "-")):
            raise _fault(source, word.start, "the arguments of `map` can only be short constants; use a loop instead")


def _mentioned(words: list[_Word]) -> set[str]:
    """Names of values; not those of arguments, `attribute=…`."""
    names = set()
    for index, word in enumerate(words):
        argument = index + 1 < len(words) and words[index + 1].text == "="
        if word.is_name and _role(words, index) == "value" and not argument:
            names.add(word.text)
    return names - FUNCTIONS


def _guarded(words: list[_Word]) -> set[str]:
    names = set()
    for index, word in enumerate(words):
        following = [after.text for after in words[index + 1 : index + 4]]
        asked = following[:2] in (["|", "default"], ["|", "d"], ["is", "defined"], ["is", "undefined"])
        if word.is_name and _role(words, index) == "value" and (asked or following == ["is", "not", "defined"]):
            names.add(word.text)
    return names


def _bound_value(block: _Block) -> list[_Word]:
    sign = "in" if block.statement == "for" else "="
    at = next((index for index, word in enumerate(block.words) if word.text == sign), 0)
    return block.words[at + 1 :]


def _growth(words: list[_Word]) -> int:
    """How many names are mentioned, and how often a list can become text that becomes a list again."""
    names, listings, texts = 0, 0, 0
    for index, word in enumerate(words):
        role = _role(words, index)
        names += word.is_name and role == "value"
        opens_literal = word.text in ("(", "[", "{") and not (index and words[index - 1].ends_a_value)
        listings += opens_literal or word.text == "dict" or (role == "filter" and word.text in _LISTING_FILTERS)
        texts += word.text == "~" or (role == "filter" and word.text in ("string", "tojson"))
    factor: int = _LIST_AS_TEXT ** min(texts, listings, 16)
    return max(1, names) * factor


def _rewritten(source: str, blocks: list[_Block]) -> str:
    pieces: list[str] = []
    at = 0
    for block in blocks:
        for word in block.words:
            if word.kind == "operator" and word.text == "*":
                pieces += source[at : word.start], f"|{NUMBER_FILTER} * - -"
                at = word.start + 1
        if block.statement == "for":
            # Closed as the tag itself, so that `-%}` still trims what follows.
            pieces += source[at : block.end], f"{{% if {CLOCK_FUNCTION}() %}}{{% endif {block.closing}"
            at = block.end
    return "".join([*pieces, source[at:]])


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
