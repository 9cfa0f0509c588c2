from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from penstock.errors import StepError
from penstock.flows.nodes.condition import Condition, ConditionSettings

BRANCHES = [{"name": "high", "when": "score >= 8"}, {"name": "middle", "when": "score >= 4"}]


def settings(**given: Any) -> ConditionSettings:
    return ConditionSettings.model_validate({"type": "condition", **given})


@pytest.mark.parametrize(("score", "branch"), [(4, "true"), (3, "false")])
async def test_an_expression_takes_one_of_two_ways(context: Any, score: int, branch: str) -> None:
    assert await Condition().run(context, settings(expression="score > 3"), {"score": score}) == {"branch": branch}


@pytest.mark.parametrize(("score", "branch"), [(9, "high"), (5, "middle"), (1, "low")])
async def test_branches_are_tried_in_order(context: Any, score: int, branch: str) -> None:
    given = settings(branches=BRANCHES, otherwise="low")
    assert await Condition().run(context, given, {"score": score}) == {"branch": branch}
    assert Condition().branch_names(given) == ("high", "middle", "low")


async def test_a_later_branch_is_not_evaluated(context: Any) -> None:
    given = settings(branches=[{"name": "a", "when": "true"}, {"name": "b", "when": "1 // 0 == 1"}])
    assert await Condition().run(context, given, {}) == {"branch": "a"}


@pytest.mark.parametrize("value", ["yes", 1, None, [], ""])
async def test_only_true_and_false_decide(context: Any, value: object) -> None:
    with pytest.raises(StepError) as error:
        await Condition().run(context, settings(expression="x"), {"x": value})
    assert error.value.code == "not_boolean"


def test_faults_are_found() -> None:
    node = Condition()
    assert not list(node.check(settings(expression="a > 1")))
    assert not list(node.check(settings(branches=BRANCHES)))
    assert dict(node.check(settings())).keys() == {"expression"}
    assert dict(node.check(settings(expression="a", branches=BRANCHES))).keys() == {"expression"}
    assert dict(node.check(settings(branches=[*BRANCHES, BRANCHES[0]]))).keys() == {"branches"}
    assert dict(node.check(settings(branches=BRANCHES, otherwise="high"))).keys() == {"branches"}
    assert dict(node.check(settings(branches=[{"name": "a", "when": "x >"}]))).keys() == {"branches[0].when"}
    with pytest.raises(ValidationError):
        settings(branches=[{"name": "a.b", "when": "x"}])


def test_required_inputs_and_schema() -> None:
    given = settings(branches=[{"name": "a", "when": "x and y|default(true)"}])
    assert Condition().required_inputs(given) == {"x"}
    assert Condition().output_schema(given) == {
        "type": "object",
        "properties": {"branch": {"enum": ["a", "otherwise"]}},
    }
