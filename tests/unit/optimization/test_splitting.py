"""How examples are split: by size, evenly, repeatably."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from penstock.optimization.model import Example, Parts
from penstock.optimization.splitting import least_budget, one_pass, sizes, split


def examples(yes: int, no: int) -> list[Example]:
    return [Example(f"{n:04}", "yes" if n < yes else "no") for n in range(yes + no)]


@pytest.mark.parametrize(
    ("count", "metric_calls", "parts"),
    [
        (10, 150, Parts(4, 3, 3)),
        (40, 300, Parts(16, 12, 12)),
        (100, 40, Parts(70, 10, 20)),
        (1000, 300, Parts(910, 30, 60)),
        (2000, 2000, Parts(1400, 200, 400)),
    ],
)
def test_parts_are_shares_that_a_budget_bounds(count: int, metric_calls: int, parts: Parts) -> None:
    assert sizes(count, metric_calls) == parts
    made = split(examples(count // 2, count - count // 2), metric_calls, 0)
    assert made.parts == parts


@pytest.mark.parametrize("count", [10, 11, 33, 66, 67, 100, 500, 2000])
def test_every_budget_from_the_least_on_suffices_for_one_pass(count: int) -> None:
    least = least_budget(count)
    assert least == one_pass(sizes(count, least))
    assert all(one_pass(sizes(count, calls)) <= calls for calls in range(least, 3000))


@pytest.mark.parametrize(("yes", "no"), [(50, 50), (90, 10), (97, 3), (5, 5)])
def test_no_example_is_in_two_parts_and_each_has_its_share_of_each_class(yes: int, no: int) -> None:
    made = split(examples(yes, no), 300, 7)
    parts = made.train, made.validation, made.test
    ids = [one.id for part in parts for one in part]
    assert sorted(ids) == [one.id for one in examples(yes, no)]
    for part in parts:
        share = len(part) / (yes + no)
        counted = Counter(one.truth for one in part)
        assert abs(counted["no"] - share * no) <= 1
        assert abs(counted["yes"] - share * yes) <= 1


def test_the_same_examples_are_split_alike_in_whatever_order_and_otherwise_with_another_seed() -> None:
    some = examples(30, 20)
    shuffled = random.Random(3).sample(some, len(some))
    assert split(some, 300, 1) == split(shuffled, 300, 1)
    assert split(some, 300, 1) != split(some, 300, 2)
