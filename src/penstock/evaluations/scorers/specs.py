"""From what a user says about a scorer to a scorer: checked, made whole, and built.

A *spec* is what a user writes: `"exact"`, or `{"type": "regex", "pattern": "…"}`. A *snapshot* is a spec with all of
its settings and the version of its type; an evaluation keeps snapshots, so that nothing that changes later changes it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from penstock.errors import Conflict, FieldError
from penstock.evaluations.scorers import registry
from penstock.evaluations.scorers.base import Scorer, ScorerSettings
from penstock.types import Json, JsonObject

VERSION = "version"
SAVED = "scorer"
JUDGES = "judges"
_NOT_SETTINGS = frozenset({VERSION, SAVED, JUDGES})
"""Members of a snapshot beside the settings."""


class SpecInvalid(ValueError):
    """A spec is wrong; `faults` says where and why."""

    def __init__(self, faults: Iterable[FieldError]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in self.faults))


def snapshot(spec: Json, path: str) -> dict[str, Any]:
    """A checked spec with all of its settings. `path` is where it stands, for errors. Raises `SpecInvalid`."""
    given: Any = {"type": spec} if isinstance(spec, str) else spec
    if not isinstance(given, Mapping):
        raise SpecInvalid([FieldError(path, "must be the type of a scorer, or an object with `type`")])
    kind = given.get("type")
    if not isinstance(kind, str):
        raise SpecInvalid([FieldError(below(path, "type"), "must name a type of scorer")])
    if kind not in registry():
        raise SpecInvalid([FieldError(below(path, "type"), unknown_type(kind))])
    made = registry()[kind]
    settings = _settings(made, given, path)
    faults = [FieldError(below(path, place), message) for place, message in made.check(settings)]
    if faults:
        raise SpecInvalid(faults)
    return {**_whole(settings), "type": kind, "name": settings.name or kind, VERSION: made.version}


def build(specs: Sequence[JsonObject]) -> list[Scorer[Any]]:
    """The scorers of snapshots, in order.

    Raises `Conflict` when this program no longer scores as it did when the snapshot was taken: the type is gone, or
    has another version. Mixing the scores of both would compare what cannot be compared.
    """
    return [_built(spec) for spec in specs]


def unknown_type(kind: str) -> str:
    """What to say about a type that does not exist."""
    near = difflib.get_close_matches(kind, registry(), 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"there is no scorer {kind!r}.{hint} There are: {', '.join(sorted(registry()))}."


def below(path: str, place: str) -> str:
    """The path of something inside `path`."""
    if not path or not place or place.startswith("["):
        return path + place
    return f"{path}.{place}"


def _settings(made: type[Scorer[ScorerSettings]], given: Mapping[str, Any], path: str) -> ScorerSettings:
    try:
        return made.settings_type.model_validate(dict(given))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise SpecInvalid(
            FieldError(below(path, _dotted(fault["loc"])), _worded(fault["msg"])) for fault in found
        ) from None


def _whole(settings: ScorerSettings) -> dict[str, Any]:
    """All settings, without those that are null because nobody set them: a setting that is added to a type later
    does not make old evaluations differ from new ones."""
    dumped: dict[str, Any] = settings.model_dump(mode="json", by_alias=True)
    unset = {
        field.alias or name
        for name, field in type(settings).model_fields.items()
        if field.default is None and getattr(settings, name) is None
    }
    return {name: value for name, value in dumped.items() if name not in unset}


def _built(spec: JsonObject) -> Scorer[Any]:
    kind = str(spec["type"])
    made = registry().get(kind)
    if made is None:
        detail = f"The scorer {kind!r} is not installed here any more; install the package that brought it."
        raise Conflict("scorer_missing", detail)
    if made.version != spec[VERSION]:
        detail = (
            f"The scorer {kind!r} was at version {spec[VERSION]} and is now at {made.version}, which scores "
            "differently. Start a new evaluation."
        )
        raise Conflict("scorer_changed", detail)
    return made(made.settings_type.model_validate({k: v for k, v in spec.items() if k not in _NOT_SETTINGS}))


def _dotted(location: Iterable[str | int]) -> str:
    path = ""
    for part in location:
        path = below(path, f"[{part}]" if isinstance(part, int) else part)
    return path


def _worded(message: str) -> str:
    return message.removeprefix("Value error, ")
