"""Reading queries: every value is a text, lists have commas between, and older clients wrote names in camelCase."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from penstock.clock import wall_ms
from penstock.errors import FieldError, Invalid
from penstock.traces.filters import range_of

MAX_PAGE = 1_000_000
MAX_VALUES = 1000
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class PageOf:
    """Which page: `number` counts from 1, `size` rows each."""

    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size


class Query:
    """The parameters of one request, by their names in snake_case. An empty value is none."""

    def __init__(self, given: Iterable[tuple[str, str]]) -> None:
        self._given = {snake(name): value for name, value in given if value}

    def text(self, name: str) -> str | None:
        """The value; None when there is none."""
        return self._given.get(name)

    def csv(self, name: str) -> tuple[str, ...]:
        """The values of a list, without empty ones. Raises `Invalid` for more than a thousand."""
        values = tuple(part.strip() for part in self._given.get(name, "").split(",") if part.strip())
        if len(values) > MAX_VALUES:
            raise _wrong(name, f"has {len(values):,} values; {MAX_VALUES:,} are the limit")
        return values

    def flag(self, name: str) -> bool:
        """Whether it is `true`. Raises `Invalid` for anything but `true` and `false`."""
        return self.word(name, ("true", "false"), "false") == "true"

    def word(self, name: str, known: Iterable[str], default: str) -> str:
        """One of the known words, in snake_case or in camelCase. Raises `Invalid` naming them."""
        given = self._given.get(name)
        if given is None:
            return default
        known = tuple(known)
        found = next((word for word in known if given in (word, word.lower()) or snake(given) == word), None)
        if found is None:
            raise _wrong(name, f"must be one of {', '.join(known)}, not {given!r}")
        return found

    def descending(self, default: bool) -> bool:
        """Whether `order` (older: `sortOrder`) is `desc`. Raises `Invalid` for anything but `asc` and `desc`."""
        name = "order" if "order" in self._given else "sort_order"
        return self.word(name, ("asc", "desc"), "desc" if default else "asc") == "desc"

    def since(self) -> int | None:
        """When `time_range` begins (`24h`, `7d`, until now), in milliseconds since 1970; None: it has no beginning.

        Raises `Invalid` for what is no range.
        """
        try:
            since, _ = range_of(self.text("time_range"), None, None, wall_ms())
        except Invalid as error:
            raise Invalid(error.code, error.detail, errors=(FieldError("time_range", error.detail),)) from None
        return since

    def page(self, size: int = 100, most: int = 500) -> PageOf:
        """`page` and `page_size`, the latter brought within its bounds. Raises `Invalid` for what is no number."""
        return PageOf(
            number=min(max(1, self._number("page", 1)), MAX_PAGE),
            size=min(max(1, self._number("page_size", size)), most),
        )

    def _number(self, name: str, default: int) -> int:
        given = self._given.get(name)
        if given is None:
            return default
        if not re.fullmatch(r"-?[0-9]{1,12}", given):
            raise _wrong(name, f"must be a whole number, not {given[:40]!r}")
        return int(given)


def snake(name: str) -> str:
    """`sortBy` and `organizationID` as `sort_by` and `organization_id`."""
    return _HUMP.sub("_", name).lower()


def _wrong(name: str, what: str) -> Invalid:
    return Invalid("parameters_invalid", f"{name} {what}.", errors=(FieldError(name, what),))
