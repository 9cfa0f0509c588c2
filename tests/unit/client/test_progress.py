"""The bar: on a terminal only, and on standard error only."""

from __future__ import annotations

import io

import pytest

from penstock.client.objects import Counts, Execution, Usage
from penstock.client.progress import cost, facts, progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


STATE = Execution(
    execution_id="exec_1",
    status="running",
    progress=65,
    items_processed=13,
    total_items=20,
    estimated_remaining="25s",
    counts=Counts(failed=1),
    usage=Usage(model_calls=13, cost_usd="0.0012"),
)


def test_a_state_is_told_in_a_line():
    assert facts(STATE) == "13/20 items, 1 failed, 25s left, $0.0012"
    assert facts(Execution(execution_id="exec_1", status="completed", elapsed_time="3s")) == "0/? items, in 3s"


def test_a_cost_with_an_unknown_price_is_not_shown_as_a_number():
    assert cost(Usage(cost_usd="0.5000", unpriced_calls=1)) == "cost unknown"


@pytest.mark.parametrize(("stream", "drawn"), [(Terminal(), True), (io.StringIO(), False)])
def test_it_draws_on_a_terminal_only(stream, drawn, monkeypatch, capsys):
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    with progress_bar() as draw:
        draw(STATE)
    assert ("13/20 items" in stream.getvalue()) is drawn
    assert capsys.readouterr().out == ""
