"""What `penstock eval` and `penstock experiments` are told on the command line, read into what the SDK takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from penstock.cli.arguments import DatasetType, NameType, budget_of, budget_options
from penstock.client.options import EvaluationOptions

F = TypeVar("F", bound=Callable[..., Any])


class ScorerType(click.ParamType[Any]):
    """A scorer: the name of a type or of a saved one, or its settings as a JSON object."""

    name = "scorer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A text stays one; what begins like an object must be one."""
        if not isinstance(value, str) or not value.lstrip().startswith("{"):
            return NameType().convert(value, param, ctx)
        try:
            return json.loads(value)
        except ValueError as fault:
            self.fail(f"{value!r} is not JSON: {fault}", param, ctx)


class TemplateType(click.ParamType[str]):
    """A template, or `@FILE` for one that stands in a file."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text; wrong usage when the file cannot be read."""
        if not value.startswith("@"):
            return value
        try:
            return Path(value[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            self.fail(f"{value[1:]!r} cannot be read as text: {fault}", param, ctx)


class ParameterType(click.ParamType[tuple[str, Any]]):
    """`NAME=VALUE`: the value as JSON where it is some, else as the text it is."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """The name and the value."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not name or not equals:
            self.fail(f"{value!r} must be NAME=VALUE, as in temperature=0", param, ctx)
        try:
            return name, json.loads(text)
        except ValueError:
            return name, text


_ROWS = (
    click.option("--benchmark", required=True, type=DatasetType(), help="A file of rows, or the id or key of one."),
    click.option("--benchmark-version", type=click.IntRange(min=1), metavar="N", help="The latest by default."),
    click.option("--adapter", type=NameType(), help="Of a file: gsm8k, bbh, mmlu, arc, ifeval or humaneval."),
    click.option("--subset", "subsets", multiple=True, metavar="NAME", help="Only these rows; may be repeated."),
    click.option("--first", type=click.IntRange(min=1), metavar="N", help="Only the first N rows."),
    click.option("--random", "at_random", type=click.IntRange(min=1), metavar="N", help="Only N rows, by chance."),
    click.option("--seed", type=click.IntRange(min=0), metavar="N", help="Of --random: the same rows each time."),
)
_HOW = (
    click.option("--scorer", "scorers", multiple=True, type=ScorerType(), help="Type, saved one, or JSON; repeatable."),
    click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Ask each row so often."),
    click.option("--reducer", metavar="HOW", help="mean, at_least_2, pass@2, pass^2: one score of the epochs."),
    click.option("--concurrency", type=click.IntRange(min=1), metavar="N", help="Rows at once."),
    click.option("--cache", is_flag=True, help="Answer from earlier answers to the same request."),
    click.option("--tag", "tags", multiple=True, metavar="WORD", help="To find it by; may be repeated."),
    budget_options,
)
_TOLD = (
    click.option("--system", type=TemplateType(), metavar="TEXT", help="What the model is; @FILE reads one."),
    click.option("--prompt", type=TemplateType(), metavar="TEXT", help="A template such as {{ input }}; @FILE."),
    click.option("--prompt-id", type=NameType(), help="A saved prompt, in their place."),
    click.option("--param", "params", multiple=True, type=ParameterType(), help="temperature=0; may be repeated."),
)


def work_options(*, target: bool) -> Callable[[F], F]:
    """The flags of what is run: rows, scorers, limits; and with `target` what one model or flow is told."""

    def decorate(command: F) -> F:
        chosen = (*_TARGET, *_ROWS, *_HOW, *_TOLD) if target else (*_ROWS, *_HOW)
        for option in reversed(chosen):
            command = option(command)
        return command

    return decorate


_TARGET = (
    click.option("--model", type=NameType(), help="provider/name, or a saved model."),
    click.option("--flow", type=NameType(), help="A flow, by id or name, in the place of a model."),
)


def check_work(options: Mapping[str, Any]) -> None:
    """The rules between the flags of what is run. Raises UsageError."""
    if options["adapter"] is not None and not isinstance(options["benchmark"], Path):
        raise click.UsageError("--adapter says how a file is read; this --benchmark is none")
    if options["first"] is not None and options["at_random"] is not None:
        raise click.UsageError("give either --first or --random")
    if options["seed"] is not None and options["at_random"] is None:
        raise click.UsageError("--seed goes with --random")
    if "model" not in options:
        return
    if (options["model"] is None) == (options["flow"] is None):
        raise click.UsageError("give either --model (such as local/smollm2) or --flow")
    if options["prompt_id"] is not None and (options["prompt"] is not None or options["system"] is not None):
        raise click.UsageError("--prompt-id takes the place of --prompt and --system")


def choice_of(subsets: Sequence[str], first: int | None, at_random: int | None, seed: int | None) -> dict[str, Any]:
    """Which rows, as the server is told; empty for all."""
    choice: dict[str, Any] = {"subsets": [*subsets]} if subsets else {}
    if first is not None:
        choice["count"] = first
    if at_random is not None:
        choice |= {"count": at_random, "seed": seed or 0}
    return choice


def options_of(given: Mapping[str, Any], name: str | None) -> EvaluationOptions:
    """The SDK's options of these flags."""
    choice = choice_of(given["subsets"], given["first"], given["at_random"], given["seed"])
    return EvaluationOptions(
        name=name,
        version=given["benchmark_version"],
        choice=choice or None,
        system=given.get("system"),
        prompt=given.get("prompt"),
        prompt_id=given.get("prompt_id"),
        params=dict(given.get("params") or ()) or None,
        epochs=given["epochs"],
        reducer=given["reducer"],
        cache=given["cache"] or None,
        concurrency=given["concurrency"],
        budget=budget_of(given),
        tags=given["tags"] or None,
    )
