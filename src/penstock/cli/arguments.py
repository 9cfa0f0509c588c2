"""Arguments that name files: read and checked before anything is connected to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_FLOW_SUFFIXES = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class FlowFile:
    """A flow document as it stands in a file."""

    path: Path
    text: str


class NameType(click.ParamType[str]):
    """The id or name of something; an empty one, such as an unset shell variable leaves, is wrong usage."""

    name = "name"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same text, when there is any."""
        if not value.strip():
            self.fail("it is empty", param, ctx)
        return value


class FlowFileType(click.ParamType[FlowFile]):
    """The path of a flow file; becomes a FlowFile."""

    name = "file"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> FlowFile:
        """Read the file; wrong usage when it cannot be read as text."""
        path = Path(value)
        try:
            return FlowFile(path, path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self.fail(f"there is no file {value!r}", param, ctx)
        except (OSError, UnicodeDecodeError) as fault:
            self.fail(f"{value!r} cannot be read as text: {fault}", param, ctx)


class FlowType(click.ParamType[FlowFile | str]):
    """A flow file, or the id or name of a saved flow; becomes a FlowFile or stays a name."""

    name = "flow"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> FlowFile | str:
        """What looks like a file must be one; anything else is a name."""
        if Path(value).suffix in _FLOW_SUFFIXES or Path(value).is_file():
            return FlowFileType().convert(value, param, ctx)
        return NameType().convert(value, param, ctx)


class DatasetType(click.ParamType[Path | str]):
    """A file of rows, or the id or name of a saved data set; becomes a Path or stays a name."""

    name = "dataset"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Path | str:
        """A name that is no file, but looks like one, is wrong usage."""
        path = Path(value)
        if path.is_file():
            return path
        if path.suffix or len(path.parts) > 1:
            self.fail(f"there is no file {value!r}", param, ctx)
        return NameType().convert(value, param, ctx)


class AmountType(click.ParamType[str]):
    """A positive decimal number, kept as it is written."""

    name = "amount"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same text, when it is one."""
        try:
            amount = Decimal(value)
        except ArithmeticError:
            self.fail(f"{value!r} is no number", param, ctx)
        if not amount.is_finite() or amount <= 0:
            self.fail(f"{value!r} is not more than 0", param, ctx)
        return value


def budget_options(command: F) -> F:
    """The flags `--budget-usd`, `--budget-tokens` and `--budget-ecu`."""
    for option in (
        click.option("--budget-ecu", type=AmountType(), metavar="N", help="Compute units it may take in all."),
        click.option("--budget-tokens", type=click.IntRange(min=1), metavar="N", help="Tokens it may take in all."),
        click.option("--budget-usd", type=AmountType(), metavar="N", help="Dollars it may cost in all."),
    ):
        command = option(command)
    return command


def budget_of(options: Mapping[str, Any]) -> dict[Any, Any] | None:
    """The budget of these flags, None when none is given."""
    budget = {name: options[f"budget_{name}"] for name in ("usd", "tokens", "ecu")}
    return {name: value for name, value in budget.items() if value is not None} or None
