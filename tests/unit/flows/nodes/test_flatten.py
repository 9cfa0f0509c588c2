from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import StepError
from penstock.flows.nodes.flatten import Flatten, FlattenSettings


def settings(**given: Any) -> FlattenSettings:
    return FlattenSettings.model_validate({"type": "flatten", "inputs": {"x": "score.out"}, **given})


@pytest.mark.parametrize(
    ("depth", "values", "flat"),
    [
        (0, [3, 1, None, "ab"], [3, 1, None, "ab"]),
        (0, [[1], [2, [3]]], [[1], [2, [3]]]),
        (1, [[1], [2, [3]], 4], [1, 2, [3], 4]),
        (2, [[1], [2, [3, [4]]], []], [1, 2, 3, [4]]),
        (1, [], []),
    ],
)
async def test_values_come_in_order(context: Any, depth: int, values: Any, flat: Any) -> None:
    assert await Flatten().run(context, settings(depth=depth), {"x": values}) == flat


async def test_it_takes_one_list(context: Any) -> None:
    with pytest.raises(StepError, match="inside a split"):
        await Flatten().run(context, settings(), {"x": 1})
    with pytest.raises(StepError, match="exactly one input"):
        await Flatten().run(context, settings(), {"x": [], "y": []})
    assert dict(Flatten().check(settings(inputs={}))).keys() == {"inputs"}
    assert not list(Flatten().check(settings()))


def test_failed_elements_are_left_out_unless_told() -> None:
    assert settings().failed == "skip"
