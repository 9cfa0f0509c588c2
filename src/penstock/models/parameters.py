"""Parameters of a call: those of the model, under those of the call itself."""

from __future__ import annotations

from collections.abc import Mapping

from penstock.types import Json, JsonObject

LIMIT_NAMES = ("maxTokens", "max_tokens", "max_completion_tokens", "maxOutputTokens", "max_output_tokens")
"""What providers call the limit on the tokens of an answer."""


def merged(defaults: Mapping[str, Json], params: Mapping[str, Json]) -> Mapping[str, Json]:
    """`defaults` with `params` over them: objects member by member, everything else whole.

    A limit on the answer's tokens takes the place of another one, whatever each is called.
    """
    limited = any(name in params for name in LIMIT_NAMES)
    kept = {name: value for name, value in defaults.items() if not (limited and name in LIMIT_NAMES)}
    return _deep(kept, params)


def _deep(below: JsonObject, above: JsonObject) -> dict[str, Json]:
    together = dict(below)
    for name, value in above.items():
        old = together.get(name)
        together[name] = _deep(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return together
