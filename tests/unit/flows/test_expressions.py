"""Templates and expressions: what they compute, what they refuse, and that no text takes the process down."""

from __future__ import annotations

import json
import threading
from types import MappingProxyType
from typing import Any

import pytest

from penstock.errors import StepError
from penstock.flows.expressions import ExpressionError, expression, template


def code_of(error: pytest.ExceptionInfo[StepError]) -> str:
    assert not error.value.retryable
    return error.value.code


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        ("a + 1", {"a": 2}, 3),
        ("'positive' if 'posi' in text|lower else 'negative'", {"text": "POSITIVE"}, "positive"),
        ("score >= 3 and lang == 'de'", {"score": 3, "lang": "de"}, True),
        ("rows|map(attribute='n')|list", {"rows": [{"n": 1}, {"n": 2}]}, [1, 2]),
        ("rows|selectattr('lang', 'in', ['de', 'fr'])|list|length", {"rows": [{"lang": "de"}, {"lang": "en"}]}, 1),
        ("{'a': x, 'b': [x, none, 1.5]}", {"x": "é"}, {"a": "é", "b": ["é", None, 1.5]}),
        ("row.items()", {"row": {"a": 1}}, [["a", 1]]),
        ("row.get('b', 7)", {"row": {}}, 7),
        ("(1, 2)", {}, [1, 2]),
        ("range(3)", {}, [0, 1, 2]),
        ("text.split(',')|map('trim')|list", {"text": "a, b"}, ["a", "b"]),
        ("x|tojson", {"x": {"a": "<é>"}}, '{"a": "<é>"}'),
        ("x|join(', ')", {"x": ["a", 2, True]}, "a, 2, true"),
        ("x[::-1] ~ x[1:]", {"x": "ab"}, "bab"),
        ("x|replace('a', 'b')", {"x": "aXa"}, "bXb"),
        ("x|sum", {"x": [1, 2.5]}, 3.5),
        ("2 * 3 + x * -2 ** 2", {"x": 1.5}, 12.0),
        ("not x is defined", {}, True),
        ("x|default('none')", {}, "none"),
        ("x if x is not defined else 2", {"x": 1}, 2),
        ("none", {}, None),
        ("x", {"x": None}, None),
        ("x is not none and x is divisibleby(3)", {"x": 9}, True),
    ],
)
def test_an_expression_gives_plain_json(source: str, values: dict[str, Any], expected: object) -> None:
    result = expression(source).evaluate(values)
    assert result == expected
    assert json.loads(json.dumps(result)) == result


def test_escaped_or_marked_text_is_plain_text() -> None:
    assert type(expression("x|tojson").evaluate({"x": "<"})) is str


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        ("Hello {{ name }}!\n", {"name": "<Ada>"}, "Hello <Ada>!\n"),
        ("{% for x in xs %}{{ loop.index }}:{{ x }};{% else %}none{% endfor %}", {"xs": ["a", "b"]}, "1:a;2:b;"),
        ("{% for x in xs %}{{ x }}{% else %}none{% endfor %}", {"xs": []}, "none"),
        ("{% for k, v in row|items -%}  {{ k }}={{ v }} {% endfor %}", {"row": {"a": 1}}, "a=1 "),
        ("{% if a > 1 %}big{% elif a == 1 %}one{% else %}small{% endif %}", {"a": 1}, "one"),
        ("{% if a in b and a is not in c %}in{% endif %}", {"a": 1, "b": [1], "c": []}, "in"),
        ("{% set y = x * 2 %}{{ y }}{# {{ nothing }} #}", {"x": 4}, "8"),
        ("{{ flag }} {{ nothing }} {{ row }} {{ n }}", {"flag": True, "nothing": None, "row": {"a": ["b"]}, "n": 1.5},
         'true null {"a": ["b"]} 1.5'),
        ("{{ '{{' }} {{ {'a': {}} }}", {}, '{{ {"a": {}}'),
        ("{{ text|indent(2) }}", {"text": "a\nb"}, "a\n  b"),
    ],
)  # fmt: skip
def test_a_template_gives_text(source: str, values: dict[str, Any], expected: str) -> None:
    assert template(source).render(values) == expected


def test_names_are_the_undeclared_ones_and_required_the_unguarded_ones() -> None:
    text = template("{% for x in rows %}{{ x.n }}{{ loop.index }}{% endfor %}{{ who|default('you') }}{{ range(2) }}")
    assert text.variables == {"rows", "who"}
    assert text.required == {"rows"}
    assert template("{{ a[1:] }}{% set b = c[:1] %}{{ b[0:] }}{{ d|map(attribute='x') }}").variables == {"a", "c", "d"}
    assert expression("a.b + c|length if d is defined else e").names == {"a", "c", "d", "e"}
    assert expression("a.b + c|length if d is defined else e").required == {"a", "c", "e"}


@pytest.mark.parametrize(
    "source", ["{{ name }}", "{{ [name]|join }}", "{{ name|tojson }}", "{% if 0 %}{{ name }}{% endif %}"]
)
def test_a_missing_variable_is_named(source: str) -> None:
    with pytest.raises(StepError, match="'name'") as error:
        template(source).render({"other": 1})
    assert code_of(error) == "template_variable_missing"


@pytest.mark.parametrize("source", ["row.b", "row.b ~ 'x'", "row.b|upper", "row.b.c", "[row.b|string]", "not row.b"])
def test_a_missing_field_is_an_error(source: str) -> None:
    with pytest.raises(StepError) as error:
        expression(source).evaluate({"row": {"a": 1}})
    assert code_of(error) == "template_variable_missing"


def test_a_missing_field_with_the_name_of_a_method_is_an_error() -> None:
    with pytest.raises(StepError, match="items") as error:
        template("{{ row.items }}").render({"row": {"a": 1}})
    assert code_of(error) == "template_variable_missing"
    assert template("{{ row.items }}").render({"row": {"items": [1]}}) == "[1]"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("a +", "line 1"),
        ("a }} {{ b", "line 1"),
        ("'open", "string is not closed"),
        ("a|nosuch", "no filter 'nosuch'"),
        ("a is nosuch", "no test 'nosuch'"),
        ("nosuch(1)", "no function 'nosuch'"),
        ("a.pop('b')", "no method 'pop'"),
        ("a['pop']('b')", "cannot be called"),
        ("(a.pop)('b')", "cannot be called"),
        ("not nosuch(1)", "no function 'nosuch'"),
        ("__clock()", "two underscores"),
        ("'%d'|format(1)", "no filter 'format'"),
        ("a|map('replace', 'x', b)", "short constants"),
        ("1" + "+1" * 5_000, "more than 4000 words"),
        ("-" * 50_000 + "1", "more than 4000 words"),
        ("(" * 1_500 + "1" + ")" * 1_500, "recursion"),
        ("'" + "x" * 100_000 + "'", "longer than 100000 characters"),
    ],
)
def test_what_does_not_compile_says_why(source: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        expression(source)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("one\n{{ a ", "line 2: the block is not closed"),
        ("one\ntwo {{ a b }}", "line 2: unexpected"),
        ("{# never closed", "line 1: the comment"),
        ("{% macro f() %}{% endmacro %}", "no statement 'macro'"),
        ("{% include 'x' %}", "no statement 'include'"),
        ("{% set ns = namespace(x=1) %}", "no function 'namespace'"),
        ("{% set range = a.pop %}{{ range(1) }}", "cannot assign to 'range'"),
        ("{% for dict in a %}{{ dict(1) }}{% endfor %}", "cannot assign to 'dict'"),
        ("{% set x %}text{% endset %}", "`set` needs `=`"),
        ("{% for a in b recursive %}{{ loop(a) }}{% endfor %}", "cannot be recursive"),
        ("{% if 0 %}" + "{% elif 0 %}" * 500 + "{% endif %}", "more than 200 `elif`"),
        ("{% set x = 'a' %}" + "{% set x = x ~ x %}" * 40, "without bound"),
    ],
)
def test_what_is_no_template_says_why(source: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        template(source)


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("{% for i in range(9000) %}{% for j in range(9000) %}xxxxxxxxxx{% endfor %}{% endfor %}", {}),
        ("{% for i in range(9000) %}{% for j in range(9000) %}{{ t }}{% endfor %}{% endfor %}", {"t": "x" * 100_000}),
        ("{% for i in r %}{% for j in r %}{% if t|upper == 'a' %}{% endif %}{% endfor %}{% endfor %}",
         {"t": "x" * 1_000_000, "r": list(range(1_000))}),
        ("{% for i in range(9000) %}" + "x" * 90_000 + "{% endfor %}", {}),
        ("{% set x = t %}" + "{% set x = x ~ x %}" * 12 + "{{ x|length }}", {"t": "x" * 100_000}),
        ("{{ t }}" * 10_000, {"t": "x" * 100_000}),
    ],
)  # fmt: skip
def test_a_template_that_takes_too_much_stops(source: str, values: dict[str, Any]) -> None:
    with pytest.raises(StepError) as error:
        template(source).render(values)
    assert code_of(error) == "expression_limit"


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("range(10**9)", {}),
        ("'a'|indent(10**9)", {}),
        ("x|tojson(indent=10**9)", {"x": {"a": 1}}),
        ("x|replace('a', x)|length", {"x": "a" * 100_000}),
        ("x|list|join(x)|length", {"x": "a" * 100_000}),
        ("x|map('replace', 'a', '" + "b" * 90 + "')|list", {"x": ["a" * 10_000] * 1_000}),
        ("x" + "|tojson" * 40, {"x": '"' * 1_000}),
        ("x|select('in', x)|list|length", {"x": list(range(20_000))}),
        ("x", {"x": "a" * 70_000_000}),
        ("x", {"x": json.loads("[" * 150 + "]" * 150)}),
    ],
)
def test_an_expression_that_takes_too_much_stops(source: str, values: dict[str, Any]) -> None:
    with pytest.raises(StepError) as error:
        expression(source).evaluate(values)
    assert code_of(error) == "expression_limit"


def test_endless_loops_are_counted_out() -> None:
    with pytest.raises(StepError, match="too many steps"):
        template("{% for i in x %}{% for j in x %}{% endfor %}{% endfor %}").render({"x": list(range(1_000))})


def test_a_panic_of_the_engine_is_an_error_of_the_item() -> None:
    reversed_text = template("{{ x[::-1] }}")
    with pytest.raises(StepError) as error:
        reversed_text.render({"x": ""})
    assert code_of(error) == "expression_failed"
    assert reversed_text.render({"x": "ab"}) == "ba"


@pytest.mark.parametrize("source", ["'x' * 10**9", "9 * 'x'", "[0] * 10**9", "[0] * 9", "x * 9", "9 * x"])
def test_text_and_lists_are_not_repeated(source: str) -> None:
    with pytest.raises(StepError) as error:
        expression(source).evaluate({"x": ["a"]})
    assert code_of(error) == "expression_failed"


@pytest.mark.parametrize(
    "source",
    [
        "1e308 * 10",
        "0.0 / 0",
        "1 // 0",
        "'a' + 1",
        "5|upper",
        "'zz'|int",
        "x|split('')",
        "{1: 2}",
        "x.upper",
        "''[::-1]",
    ],
)
def test_a_failure_is_the_items_error(source: str) -> None:
    with pytest.raises(StepError):
        expression(source).evaluate({"x": "a"})


def test_values_are_never_changed_and_may_be_read_only() -> None:
    values = MappingProxyType({"row": {"a": [3, 1]}})
    assert expression("row.a|sort").evaluate(values) == [1, 3]
    assert values["row"] == {"a": [3, 1]}


def test_the_same_text_is_compiled_once() -> None:
    assert expression("a + 12345") is expression("a + 12345")
    assert template("{{ a }} 12345") is template("{{ a }} 12345")


def test_threads_share_a_compiled_text() -> None:
    text = template("{% for x in xs %}{{ x * 2 }},{% endfor %}")
    results: dict[int, str] = {}

    def work(number: int) -> None:
        for _ in range(200):
            results[number] = text.render({"xs": [number] * 5})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: f"{number * 2}," * 5 for number in range(4)}
