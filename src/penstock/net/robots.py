"""`robots.txt` (RFC 9309): which pages of a site a crawler may read, and how fast.

The rules of the group that names us (else of `*`) are matched with `*` and `$`; the longest match wins, `Allow` before
`Disallow` where they are equally long. (`urllib.robotparser` knows neither, and would read pages that are closed.)
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import unquote, urlsplit

from penstock.errors import StepError
from penstock.net.client import USER_AGENT, GuardedClient, RequestOptions
from penstock.net.responses import decode_text, status_error

MAX_BYTES = 512 * 1024
MAX_RULES = 5_000
MAX_CRAWL_DELAY_SECONDS = 60.0


@dataclass(frozen=True)
class Rule:
    """`Allow:` or `Disallow:` with a path pattern."""

    allow: bool
    pattern: str

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        # fnmatch's translation of `*` does not backtrack over earlier ones, so no pattern can be made slow.
        text = unquote(self.pattern)
        anchored = text.endswith("$")
        escaped = re.sub(r"[\[?]", r"[\g<0>]", text.removesuffix("$"))
        return re.compile(fnmatch.translate(escaped if anchored else escaped + "*"))

    def matches(self, path: str) -> bool:
        return self._expression.match(path) is not None


@dataclass(frozen=True)
class Robots:
    """What a site asks of us."""

    rules: tuple[Rule, ...] = ()
    crawl_delay_seconds: float = 0.0

    def allows(self, url: str) -> bool:
        """Whether the page may be read."""
        parts = urlsplit(url)
        path = unquote(parts.path or "/") + (f"?{unquote(parts.query)}" if parts.query else "")
        matching = [rule for rule in self.rules if rule.matches(path)]
        return not matching or max(matching, key=lambda rule: (len(rule.pattern), rule.allow)).allow


def parse_robots(text: str, agent: str = USER_AGENT) -> Robots:
    """The rules for `agent` in a `robots.txt`. Lines that say nothing to us are passed over."""
    groups: dict[str, tuple[list[Rule], list[float]]] = {}
    names: list[str] = []
    in_rules = False
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition("#")[0].partition(":"))
        key = key.lower()
        if key == "user-agent":
            if in_rules:
                names, in_rules = [], False
            names.append(value.lower())
            groups.setdefault(value.lower(), ([], []))
        elif key in ("allow", "disallow", "crawl-delay"):
            in_rules = True
            for name in names:
                _add(groups[name], key, value)
    rules, delays = groups.get(agent.lower()) or groups.get("*") or ([], [])
    return Robots(tuple(rules[:MAX_RULES]), min(max(delays, default=0.0), MAX_CRAWL_DELAY_SECONDS))


def _add(group: tuple[list[Rule], list[float]], key: str, value: str) -> None:
    rules, delays = group
    if key == "crawl-delay":
        if re.fullmatch(r"\d{1,6}(\.\d+)?", value):
            delays.append(float(value))
    elif value:
        rules.append(Rule(key == "allow", value))


async def fetch_robots(client: GuardedClient, origin: str, options: RequestOptions) -> Robots:
    """The rules of an origin (`https://example.com`). As the RFC has it, a site that answers 4xx has no rules, and one
    that cannot be asked is closed: `StepError` `robots_unavailable`, worth another try. `address_refused` stays what
    it is."""
    try:
        response = await client.request("GET", f"{origin}/robots.txt", options=options)
    except StepError as error:
        if error.code == "address_refused":
            raise
        raise _unavailable(origin, error.message) from error
    if response.status == 429 or response.status >= 500:
        raise _unavailable(origin, status_error(response).message)
    return parse_robots(decode_text(response)) if 200 <= response.status < 300 else Robots()


def _unavailable(origin: str, reason: str) -> StepError:
    return StepError(
        "robots_unavailable",
        f"whether {origin} may be read cannot be told, for its robots.txt could not be fetched: {reason}",
        retryable=True,
    )
