"""The `Prefer` header (RFC 7240), as far as Penstock understands it: `respond-async` and `wait=N`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# A preference is a token, perhaps with a value, perhaps with parameters; commas inside quotes do not separate.
_PREFERENCE = re.compile(r"""((?:"(?:\\.|[^"\\])*"|[^,"])+)""")
_WAIT_SECONDS = re.compile(r"\d{1,9}")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a caller prefers: to be answered at once with a handle, or after `wait_seconds` at most."""

    respond_async: bool = False
    wait_seconds: float | None = None

    @property
    def applied(self) -> str | None:
        """The value of `Preference-Applied`: what was understood, None when nothing was."""
        if self.respond_async and self.wait_seconds is None:
            return "respond-async"
        if self.wait_seconds is not None:
            wait = f"wait={int(self.wait_seconds)}"
            return f"respond-async, {wait}" if self.respond_async else wait
        return None

    @property
    def patience_seconds(self) -> float | None:
        """How long to wait for the end before handing over: 0 for at once, None for to the end.

        RFC 7240 (4.3) reads `respond-async, wait=10` as: answer with a handle if it takes longer than 10 s.
        """
        if self.wait_seconds is not None:
            return self.wait_seconds
        return 0.0 if self.respond_async else None


def parse_prefer(headers: Iterable[str]) -> Preferences:
    """Preferences of all `Prefer` headers of a request.

    Unknown or malformed ones are passed over, and of several of one name the first counts, as the RFC has it.
    """
    respond_async = False
    wait: float | None = None
    for header in headers:
        for preference in _PREFERENCE.findall(header):
            name, _, value = preference.partition(";")[0].partition("=")
            name, value = name.strip().lower(), value.strip().strip('"').strip()
            if name == "respond-async":
                respond_async = True
            elif name == "wait" and wait is None and _WAIT_SECONDS.fullmatch(value):
                wait = float(value)
    return Preferences(respond_async, wait)
