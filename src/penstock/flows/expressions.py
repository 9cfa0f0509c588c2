"""Templates and expressions: one language, minijinja's, over JSON values.

    template("Hello {{ name }}").render({"name": "Ada"})         "Hello Ada"
    expression("score >= 3 and lang == 'de'").evaluate({…})      True

A variable that is missing is an error, never an empty string. Each text is compiled once and kept; evaluating is
thread-safe and bounded (fuel, sizes), so that it may run on the event loop.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from minijinja import Environment, TemplateError

from penstock.errors import StepError
from penstock.types import Json, JsonObject

MAX_SOURCE_CHARS = 100_000
MAX_OUTPUT_CHARS = 10_000_000
FUEL = 100_000
_COMPILED = 2_048
_REMOVED_FILTERS = ("batch", "format", "indent", "pprint", "replace", "safe", "slice", "wordwrap")
_REMOVED_GLOBALS = ("cycler", "debug", "joiner", "namespace")


class ExpressionError(ValueError):
    """A template or an expression does not compile; the message says why, and on which line."""


class Template:
    """Text with `{{ variables }}`, `{% if %}` and `{% for %}`. Raises `ExpressionError` when it does not compile."""

    def __init__(self, source: str) -> None:
        _check_length(source)
        self.source = source
        self._environment = _environment()
        try:
            self._environment.add_template("template", source)
        except TemplateError as error:
            raise ExpressionError(_syntax_message(error)) from None
        self.variables: frozenset[str] = _names(source)

    def render(self, values: JsonObject) -> str:
        """The text. Raises `StepError`: `template_variable_missing`, `expression_limit`, `expression_failed`."""
        _require(self.variables, values, self.source)
        try:
            text = self._environment.render_template("template", **_globals(values))
        except TemplateError as error:
            raise _step_error(error, self.source) from None
        if len(text) > MAX_OUTPUT_CHARS:
            raise StepError("expression_limit", f"the text is longer than {MAX_OUTPUT_CHARS} characters")
        return text


class Expression:
    """A bare expression. Raises `ExpressionError` when it does not compile."""

    def __init__(self, source: str) -> None:
        _check_length(source)
        self.source = source
        self._environment = _shared_environment()
        try:
            self._environment.eval_expr(source)
        except TemplateError as error:
            if error.kind == "SyntaxError":
                raise ExpressionError(_syntax_message(error)) from None
        self.names: frozenset[str] = _names("{{ (" + source + ") }}")

    def evaluate(self, values: JsonObject) -> Json:
        """The value. Raises `StepError`: `template_variable_missing`, `expression_limit`, `expression_failed`."""
        _require(self.names, values, self.source)
        try:
            result = self._environment.eval_expr(self.source, **_globals(values))
            if result is None and self._environment.eval_expr(f"({self.source}) is undefined", **_globals(values)):
                raise StepError("template_variable_missing", f"{self.source!r} has no value")
        except TemplateError as error:
            raise _step_error(error, self.source) from None
        return _plain(result)


@lru_cache(maxsize=_COMPILED)
def template(source: str) -> Template:
    """The compiled template of a text; raises `ExpressionError`."""
    return Template(source)


@lru_cache(maxsize=_COMPILED)
def expression(source: str) -> Expression:
    """The compiled expression of a text; raises `ExpressionError`."""
    return Expression(source)


def _environment() -> Environment:
    environment = Environment(undefined_behavior="strict", fuel=FUEL, debug=False, keep_trailing_newline=True)
    environment.auto_escape_callback = lambda _name: False
    for name in _REMOVED_FILTERS:
        environment.remove_filter(name)
    for name in _REMOVED_GLOBALS:
        environment.remove_global(name)
    return environment


@lru_cache(maxsize=1)
def _shared_environment() -> Environment:
    return _environment()


def _check_length(source: str) -> None:
    if len(source) > MAX_SOURCE_CHARS:
        raise ExpressionError(f"longer than {MAX_SOURCE_CHARS} characters")


def _names(template_source: str) -> frozenset[str]:
    environment = _shared_environment()
    return frozenset(environment.undeclared_variables_in_str(template_source)) - frozenset(environment.globals)


def _require(names: frozenset[str], values: JsonObject, source: str) -> None:
    for name in sorted(names):
        if name not in values and not ("default" in source or "defined" in source):
            raise StepError("template_variable_missing", f"the variable {name!r} has no value")


def _globals(values: JsonObject) -> dict[str, Any]:
    return dict(values)


def _syntax_message(error: TemplateError) -> str:
    return f"line {error.line}: {error.detail or error.message}" if error.line else error.message


def _step_error(error: TemplateError, source: str) -> StepError:
    if error.kind == "UndefinedError":
        start, end = error.range or (0, len(source))
        return StepError("template_variable_missing", f"{source[start:end]!r} has no value")
    if error.kind == "OutOfFuel":
        return StepError("expression_limit", "it takes too many steps; loop over less, or use a code node")
    return StepError("expression_failed", error.message)


def _plain(value: object) -> Json:
    """A copy made of plain JSON types only."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise StepError("expression_failed", f"the result {value} is not a number that JSON has")
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, Sequence):
        return [_plain(entry) for entry in value]
    raise StepError("expression_failed", "the result is not JSON; add `|list` to what is lazy")
