from __future__ import annotations

import pytest

from penstock.errors import StepError
from penstock.sandbox.program import check, read_program


def test_a_program_says_what_its_run_takes() -> None:
    program = read_program("def run(a, b=1, *, c, d=2):\n    return a")
    assert program.parameters == {"a", "b", "c", "d"}
    assert program.required == {"a", "c"}
    assert program.arguments({"a": 1, "c": 2, "other": 3}) == {"a": 1, "c": 2}
    assert read_program("def run(**inputs):\n    return inputs").arguments({"x": 1}) == {"x": 1}


def test_a_missing_input_is_named() -> None:
    with pytest.raises(StepError, match="'text'") as error:
        read_program("def run(text):\n    return text").arguments({})
    assert error.value.code == "code_raised"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def run(x):\n    return (x", "line 2"),
        ("x = 1", "define the function `run`"),
        ("async def run(x):\n    return x", "define the function `run`"),
        ("def run(*values):\n    return values", "by name"),
        ("not " * 20_000 + "1", "nested too deep"),
        ("#" * 100_001, "longer than"),
    ],
)
def test_a_fault_is_found_without_running(source: str, message: str) -> None:
    assert message in (check(source) or "")


def test_a_good_program_has_no_fault() -> None:
    assert check("def run(x):\n    return x") is None
