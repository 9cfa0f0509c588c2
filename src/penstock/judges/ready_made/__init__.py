"""The judges that come with Penstock: one readable file each, a header in YAML, then the goal, then the rubric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from penstock.judges.definition import BLANK, JudgeChange, changed
from penstock.judges.model import JudgeVersion

_FENCE = "---\n"
_RUBRIC = "\n## Rubric\n"


@dataclass(frozen=True, slots=True)
class ReadyMade:
    """A judge, and what people are told of it. Its name is its id."""

    title: str
    description: str
    version: JudgeVersion


@cache
def ready_made() -> Mapping[str, ReadyMade]:
    """Each by its name."""
    files = sorted(
        (entry for entry in resources.files(__name__).iterdir() if entry.name.endswith(".md")),
        key=lambda entry: entry.name,
    )
    made = (_read(file.name.removesuffix(".md"), file.read_text()) for file in files)
    return {one.version.name: one for one in made}


def _read(name: str, text: str) -> ReadyMade:
    import yaml

    _, header, body = text.split(_FENCE, 2)
    facts = yaml.safe_load(header)
    goal, _, rubric = body.partition(_RUBRIC)
    wanted = JudgeChange(name=name, goal=goal.strip(), rubric=rubric.strip() or None, output=facts["output"])
    version = replace(changed(BLANK, wanted), version=facts["version"], threshold=facts["threshold"])
    return ReadyMade(facts["title"], facts["description"], version)
