from __future__ import annotations

from typing import Any

import pytest

from penstock.errors import StepError
from penstock.flows.nodes.split import Split, SplitSettings


def settings(**given: Any) -> SplitSettings:
    return SplitSettings.model_validate({"type": "split", "inputs": {"array": "input.rows"}, **given})


@pytest.mark.parametrize(
    ("path", "inputs", "elements"),
    [
        ("", {"array": [1, 2]}, [1, 2]),
        ("", {"anything": ["a"]}, ["a"]),
        ("", {"array": []}, []),
        ("", {"array": [1], "other": [2, 3]}, [1]),
        ("data.rows", {"array": {"data": {"rows": [1]}}}, [1]),
        ("pages[1].urls", {"array": {"pages": [{}, {"urls": ["u"]}]}}, ["u"]),
        ("[0]", {"array": [[1, 2], [3]]}, [1, 2]),
    ],
)
async def test_the_elements_of_the_array(context: Any, path: str, inputs: Any, elements: list[Any]) -> None:
    assert await Split().run(context, settings(path=path), inputs) == elements


@pytest.mark.parametrize(
    ("path", "inputs"),
    [
        ("", {"array": "text"}),
        ("", {"array": None}),
        ("", {"array": {"a": [1]}}),
        ("", {"array": 5}),
        ("rows", {"array": {"other": []}}),
        ("rows[3]", {"array": {"rows": []}}),
        ("", {"a": [1], "b": [2]}),
    ],
)
async def test_what_is_no_array_is_an_error(context: Any, path: str, inputs: Any) -> None:
    with pytest.raises(StepError) as error:
        await Split().run(context, settings(path=path), inputs)
    assert error.value.code == "not_an_array"
    assert not error.value.retryable


async def test_too_many_elements_are_an_error_that_says_so(context: Any) -> None:
    assert len(await Split().run(context, settings(), {"array": [0] * 10_000})) == 10_000  # type: ignore[arg-type]
    with pytest.raises(StepError, match="10001 elements; maxElements is 10000") as error:
        await Split().run(context, settings(), {"array": [0] * 10_001})
    assert error.value.code == "too_many_elements"
    assert await Split().run(context, settings(maxElements=20_000), {"array": [0] * 10_001})


@pytest.mark.parametrize(
    ("given", "at_once"),
    [
        ({}, 50),
        ({"mode": "sequential"}, 1),
        ({"mode": "chunked"}, 10),
        ({"mode": "chunked", "chunkSize": 80}, 50),
        ({"mode": "chunked", "chunkSize": 80, "maxConcurrency": 500}, 50),
        ({"maxConcurrency": 7}, 7),
        ({"maxConcurrency": 500}, 50),
        ({"mode": "sequential", "maxConcurrency": 7}, 1),
    ],
)
def test_how_many_run_at_once(given: dict[str, Any], at_once: int) -> None:
    assert Split().concurrency(settings(**given), 50) == at_once


def test_faults_are_found() -> None:
    assert not list(Split().check(settings(path="a[0].b")))
    assert dict(Split().check(settings(path="a..b"))).keys() == {"path"}
    assert dict(Split().check(settings(inputs={}))).keys() == {"inputs"}
    assert dict(Split().check(settings(inputs={"a": "input.a", "b": "input.b"}))).keys() == {"inputs"}
