from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.executions import paths

ORDINALS = st.integers(0, paths.LARGEST_ORDINAL)
LABELS = st.none() | st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}(/[A-Za-z_][A-Za-z0-9_]{0,8})?", fullmatch=True)
Parts = list[tuple[str | None, int]]
PARTS = st.lists(st.tuples(LABELS, ORDINALS), max_size=4)


def path_of(top: int, parts: Parts) -> str:
    path = paths.top(top)
    for label, ordinal in parts:
        path = paths.child(path, label, ordinal)
    return path


@given(st.tuples(ORDINALS, st.lists(ORDINALS, max_size=4)), st.tuples(ORDINALS, st.lists(ORDINALS, max_size=4)))
def test_the_order_of_paths_is_the_order_of_items(one: tuple[int, list[int]], other: tuple[int, list[int]]) -> None:
    first = path_of(one[0], [(None, n) for n in one[1]])
    second = path_of(other[0], [(None, n) for n in other[1]])
    assert (first < second) == ([one[0], *one[1]] < [other[0], *other[1]])


@given(ORDINALS, PARTS)
def test_what_is_shown_leads_back(top: int, parts: Parts) -> None:
    path = path_of(top, parts)
    assert paths.stored(paths.shown(path)) == path
    assert paths.ordinal_of(path) == top
    assert "00000" not in paths.shown(path_of(3, [(None, 7)]))


@given(ORDINALS, PARTS, PARTS, PARTS)
def test_the_range_of_children_holds_what_is_below_and_nothing_else(
    top: int,
    above: Parts,
    below: Parts,
    beside: Parts,
) -> None:
    path = path_of(top, above)
    low, high = paths.children_range(path)
    for parts in (below, beside):
        other = path_of(top, above + parts)
        assert (low < other < high) == bool(parts)
    stranger = path_of(top, beside)
    assert (low < stranger < high) == (path in paths.parents(stranger))


def test_parents_are_nearest_first() -> None:
    path = path_of(3, [(None, 7), ("pages", 1)])
    assert paths.shown(path) == "3.7.pages:1"
    assert [paths.shown(parent) for parent in paths.parents(path)] == ["3.7", "3"]
    assert paths.parents(paths.top(3)) == []


@pytest.mark.parametrize("text", ["", "x", "3.", ".3", "3..7", "-1", "3.x", "1234567890", "3.pages:", "3.٣x"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="item path"):
        paths.stored(text)
