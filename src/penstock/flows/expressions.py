"""Templates and expressions: one language, minijinja's, over JSON values.

    template("Hello {{ name }}").render({"name": "Ada"})         "Hello Ada"
    expression("score >= 3 and lang == 'de'").evaluate({…})      True

A variable that is missing is an error, never an empty text; `x|default(…)` and `x is defined` ask first. (A missing
field inside a list or dict literal, or given to `tojson`, is null.) In a text, what is not text is written as JSON.
Each source is compiled once and kept. Evaluating is thread-safe and bounded in steps, time and memory, so it may run
on the event loop; what is admitted to that end is told in `expression_rules`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, KeysView, Mapping, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import TypeVar

from minijinja import Environment, TemplateError

from penstock.errors import StepError
from penstock.flows import expression_filters as filters
from penstock.flows.expression_rules import (
    FUNCTIONS,
    NUMBER_FILTER,
    Checked,
    ExpressionError,
    check_expression,
    check_template,
)
from penstock.types import Json, JsonObject

__all__ = ["Expression", "ExpressionError", "Template", "expression", "template"]

FUEL = 100_000
"""minijinja's instructions per evaluation: about 20 ms of small ones."""
MAX_OUTPUT_CHARS = 10_000_000
MAX_INTERMEDIATE_CHARS = 64_000_000
MAX_DEPTH = 100
_CHARS_OF_A_NUMBER = 8
_SHORT_SOURCE_CHARS = 4_000
_KEPT_SHORT = 2_048
_KEPT_LONG = 64
_WRONG_ARGUMENTS = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
"""What a filter written in Python raises when a source calls it wrongly."""

R = TypeVar("R")


class _Source:
    """A checked text, the names it reads, and the environment that runs it."""

    def __init__(self, source: str, checked: Checked) -> None:
        self.source = source
        self._checked = checked
        self._environment = _environment()

    def _compile(self, check: Callable[[], object], as_template: str) -> frozenset[str]:
        """Compile by `check`, and return the names that are read."""
        filters.begin()
        try:
            _unpanicked(check)
        except (StepError, *_WRONG_ARGUMENTS):
            pass  # An expression is checked by evaluating it without values: it may fail, it reads right.
        except TemplateError as error:
            if error.kind == "SyntaxError":
                raise ExpressionError(f"line {error.line}: {error.detail or error.message}") from None
        # minijinja 3.0.5 overlooks what is sliced, `names[1:]`; the names mentioned know nothing of scopes. Hence both.
        undeclared = self._environment.undeclared_variables_in_str(as_template)
        return (self._checked.names | undeclared) - FUNCTIONS - {"loop"}

    def _run(self, names: frozenset[str], values: JsonObject, evaluate: Callable[[], R]) -> R:
        size = len(self.source)
        for name in names:
            if name in values:
                size += _measure(values[name])
            elif name not in self._checked.guarded:
                raise StepError("template_variable_missing", f"the variable {name!r} has no value")
        if size * self._checked.growth > MAX_INTERMEDIATE_CHARS:
            raise filters.limit(f"the values are too large for {_shortened(self.source)}; use a code node")
        filters.begin()
        try:
            return _unpanicked(evaluate)
        except TemplateError as error:
            raise self._step_error(error) from None
        except _WRONG_ARGUMENTS as error:
            raise StepError("expression_failed", f"a filter or function got a wrong argument: {error}") from None

    def _step_error(self, error: TemplateError) -> StepError:
        if error.kind == "OutOfFuel":
            return filters.limit("it takes too many steps; loop over less, or use a code node")
        if error.kind == "UndefinedError":
            return StepError("template_variable_missing", f"{_place(error)}{self._excerpt(error)} has no value")
        reason = error.detail or f"{error.message}: the values do not fit {self._excerpt(error)}"
        return StepError("expression_failed", f"{_place(error)}{reason}")

    def _excerpt(self, error: TemplateError) -> str:
        """The words of the source that the error is about."""
        text = self._checked.text.encode()
        start, end = error.range or (0, len(text))
        before = re.search(r"[\w.\[\]]*$", text[:start].decode(errors="ignore"))
        excerpt = (before.group() if before else "") + text[start:end].decode(errors="ignore")
        return _shortened(excerpt.replace(f"|{NUMBER_FILTER}", "").replace("* - -", "*"))


class Template(_Source):
    """Text with `{{ variables }}`, `{% if %}` and `{% for %}`. Raises `ExpressionError` when it does not compile.

    `variables` are the names it reads, `required` those of them that it cannot do without.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source, check_template(source))
        self.variables = self._compile(lambda: self._environment.add_template("template", self._checked.text), source)
        self.required = self.variables - self._checked.guarded

    def render(self, values: JsonObject) -> str:
        """The text. Raises `StepError`: `template_variable_missing`, `expression_limit`, `expression_failed`."""
        given = {name: values[name] for name in self.variables if name in values}
        text = self._run(self.variables, values, lambda: self._environment.render_template("template", **given))
        if len(text) > MAX_OUTPUT_CHARS:
            raise filters.limit(f"the text is longer than {MAX_OUTPUT_CHARS} characters")
        return text


class Expression(_Source):
    """A bare expression. Raises `ExpressionError` when it does not compile.

    `names` are the names it reads, `required` those of them that it cannot do without.
    """

    def __init__(self, source: str) -> None:
        super().__init__(source, check_expression(source))
        self.names = self._compile(lambda: self._environment.eval_expr(self._checked.text), "{{ (" + source + ") }}")
        self.required = self.names - self._checked.guarded

    def evaluate(self, values: JsonObject) -> Json:
        """The value. Raises `StepError`: `template_variable_missing`, `expression_limit`, `expression_failed`."""
        given = {name: values[name] for name in self.names if name in values}
        return self._run(self.names, values, lambda: self._value(given))

    def _value(self, given: dict[str, Json]) -> Json:
        result = self._environment.eval_expr(self._checked.text, **given)
        if result is None and self._environment.eval_expr(f"({self._checked.text}) is undefined", **given):
            raise StepError("template_variable_missing", f"{_shortened(self.source)} has no value")
        return _plain(result, MAX_DEPTH)


def template(source: str) -> Template:
    """The compiled template of a text; raises `ExpressionError`."""
    return _short_template(source) if len(source) <= _SHORT_SOURCE_CHARS else _long_template(source)


def expression(source: str) -> Expression:
    """The compiled expression of a text; raises `ExpressionError`."""
    return _short_expression(source) if len(source) <= _SHORT_SOURCE_CHARS else _long_expression(source)


_short_template = lru_cache(_KEPT_SHORT)(Template)
_long_template = lru_cache(_KEPT_LONG)(Template)
_short_expression = lru_cache(_KEPT_SHORT)(Expression)
_long_expression = lru_cache(_KEPT_LONG)(Expression)


def _environment() -> Environment:
    environment = Environment(
        undefined_behavior="strict",
        fuel=FUEL,
        debug=False,
        keep_trailing_newline=True,
        auto_escape_callback=lambda _name: False,
        filters=filters.FILTERS,
        tests=filters.TESTS,
        globals=filters.GLOBALS,
        finalizer=filters.written,
    )
    for name in filters.REMOVED_FILTERS:
        environment.remove_filter(name)
    for name in filters.REMOVED_GLOBALS:
        environment.remove_global(name)
    return environment


def _unpanicked(call: Callable[[], R]) -> R:
    """Call into minijinja; a panic of its Rust code (`""[::-1]` is one in 3.0.5) becomes a `TemplateError`."""
    try:
        return call()
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise TemplateError(f"minijinja cannot compute this: {error}") from None


def _measure(value: Json) -> int:
    """About how many characters a value is as text. Raises `StepError` where it is nested too deep or too large."""
    if isinstance(value, str):
        return len(value)
    size = 0
    level: Sequence[Json] = [value]
    for _ in range(MAX_DEPTH):
        below: list[Json] = []
        for entry in level:
            size += _CHARS_OF_A_NUMBER
            if isinstance(entry, str):
                size += len(entry)
            elif isinstance(entry, dict):
                size += sum(map(len, entry))
                below.extend(entry.values())
            elif isinstance(entry, list):
                below.extend(entry)
            elif not isinstance(entry, int | float | None) and isinstance(entry, Mapping | Sequence):
                below.extend(entry.values() if isinstance(entry, Mapping) else entry)
        if size > MAX_INTERMEDIATE_CHARS:
            raise filters.limit(f"the values are larger than {MAX_INTERMEDIATE_CHARS} characters; use a code node")
        if not below:
            return size
        level = below
    raise filters.limit(f"a value is nested more than {MAX_DEPTH} levels deep")


def _plain(value: object, depth: int) -> Json:
    """A copy made of plain JSON types only."""
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise StepError("expression_failed", f"the result holds {value}, which JSON has no number for")
        return value
    if not depth:
        raise filters.limit(f"the result is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, dict | Mapping):
        return {_key(key): _plain(entry, depth - 1) for key, entry in value.items()}
    if isinstance(value, list | Sequence | KeysView | ValuesView | AbstractSet):
        return [_plain(entry, depth - 1) for entry in value]
    raise StepError("expression_failed", f"the result holds a {type(value).__name__}, which is not JSON")


def _key(key: object) -> str:
    if isinstance(key, str):
        return str(key)
    raise StepError("expression_failed", f"the result holds the key {key!r}; keys of a JSON object are text")


def _place(error: TemplateError) -> str:
    return f"line {error.line}: " if error.line and error.line > 1 else ""


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "…")
