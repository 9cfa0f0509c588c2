from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import StepError
from penstock.flows.nodes.transform import Transform, TransformSettings


def settings(**given: Any) -> TransformSettings:
    return TransformSettings.model_validate({"type": "transform", **given})


async def test_an_expression_gives_a_value(context: Any) -> None:
    given = settings(expression="'positive' if 'posi' in text|lower else 'negative'")
    assert await Transform().run(context, given, {"text": "Positive."}) == "positive"


async def test_a_template_keeps_the_shape_and_the_types(context: Any) -> None:
    given = settings(
        template={
            "name": "Dear {{ name }}",
            "rows": "{{ rows }}",
            "score": " {{ n * 2 }} ",
            "both": "{{ n }}{{ n }}",
            "fixed": [1, None, True, {"plain": "text"}],
        }
    )
    assert await Transform().run(context, given, {"name": "Ada", "rows": [{"a": 1}], "n": 2}) == {
        "name": "Dear Ada",
        "rows": [{"a": 1}],
        "score": 4,
        "both": "22",
        "fixed": [1, None, True, {"plain": "text"}],
    }


async def test_a_missing_variable_is_an_error(context: Any) -> None:
    with pytest.raises(StepError, match="'name'") as error:
        await Transform().run(context, settings(template=["{{ name }}"]), {"other": 1})
    assert error.value.code == "template_variable_missing"


def test_faults_are_found_at_their_place() -> None:
    node = Transform()
    assert dict(node.check(settings(template={"a": [1, "{{ x "]}))).keys() == {"template.a[1]"}
    assert dict(node.check(settings(expression="a +"))).keys() == {"expression"}
    assert dict(node.check(settings())).keys() == {"expression"}
    assert dict(node.check(settings(expression="a", template="b"))).keys() == {"expression"}
    assert not list(node.check(settings(template={"a": "{{ x }} and {{ y }}"})))


def test_required_inputs_are_the_names_used() -> None:
    node = Transform()
    assert node.required_inputs(settings(expression="a + (b|default(1))")) == {"a"}
    assert node.required_inputs(settings(template={"x": "{{ a }}", "y": ["{{ b }}-{{ c }}"]})) == {"a", "b", "c"}
    assert node.required_inputs(settings(expression="a +")) == frozenset()
