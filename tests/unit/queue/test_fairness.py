"""Fair queueing: nobody starves, and shares follow weights within the stated bound."""

from __future__ import annotations

from collections import Counter, deque
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from penstock.queue.fairness import INTERACTIVE_TURNS, Claim, FairQueue, VirtualTime
from penstock.queue.local import Lane

WEIGHTS = {"a": 1.0, "b": 2.0, "c": 4.0}
LANES: tuple[Lane, ...] = ("interactive", "batch")
LARGEST = 8.0


def claim(key: str, lane: Lane = "batch") -> Claim:
    return Claim(key, lane, WEIGHTS[key])


class Queue(RuleBasedStateMachine):
    """Pushes and pops at random, beside a model that is nothing but first in, first out for each tenant and lane."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[int] = FairQueue()
        self.model: dict[tuple[str, Lane], deque[tuple[int, float]]] = {}
        self.pushed = 0
        self.since_batch = 0
        self.served: Counter[tuple[str, Lane]] = Counter()
        """In each lane, what each tenant was given since it began to wait beside the others."""

    @rule(key=st.sampled_from(sorted(WEIGHTS)), lane=st.sampled_from(LANES), cost=st.integers(1, int(LARGEST)))
    def push(self, key: str, lane: Lane, cost: int) -> None:
        if not self.model.get((key, lane)):
            # Whoever begins to wait starts level with the rest: the comparison of this lane begins anew.
            for other in WEIGHTS:
                del self.served[other, lane]
        self.queue.push(claim(key, lane), self.pushed, float(cost))
        self.model.setdefault((key, lane), deque()).append((self.pushed, float(cost)))
        self.pushed += 1

    @precondition(lambda self: len(self.queue))
    @rule()
    def pop(self) -> None:
        both = all(any(self.model.get((key, lane)) for key in WEIGHTS) for lane in LANES)
        served, number, cost = self.queue.pop()
        expected = self.model[served.key, served.lane].popleft()
        assert (number, cost) == expected
        self.served[served.key, served.lane] += int(cost)
        self.since_batch = self.since_batch + 1 if both and served.lane == "interactive" else 0
        assert self.since_batch <= INTERACTIVE_TURNS

    @rule()
    def nothing_waits_in_an_empty_queue(self) -> None:
        if not any(self.model.values()):
            with pytest.raises(IndexError):
                self.queue.pop()

    @invariant()
    def length(self) -> None:
        assert len(self.queue) == sum(len(waiting) for waiting in self.model.values())

    @invariant()
    def shares_follow_weights(self) -> None:
        for lane in LANES:
            waiting = [key for key in WEIGHTS if self.model.get((key, lane))]
            for f in waiting:
                for g in waiting:
                    difference = self.served[f, lane] / WEIGHTS[f] - self.served[g, lane] / WEIGHTS[g]
                    # Twice the bound of the paper: the comparison may begin in the middle of a request of either.
                    assert abs(difference) <= 2 * (LARGEST / WEIGHTS[f] + LARGEST / WEIGHTS[g])


Queue.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestQueue = Queue.TestCase


@given(weights=st.lists(st.integers(1, 10), min_size=2, max_size=6))
@settings(deadline=None)
def test_long_run_shares_are_the_weights(weights: list[int]) -> None:
    queue: FairQueue[None] = FairQueue()
    claims = [Claim(str(n), weight=float(weight)) for n, weight in enumerate(weights)]
    for each in claims:
        for _ in range(1_000):
            queue.push(each, None)
    served = Counter(queue.pop()[0].key for _ in range(1_000))
    for n, weight in enumerate(weights):
        share = Fraction(1_000 * weight, sum(weights))
        assert abs(served[str(n)] - share) <= weight + 1


def test_a_few_need_not_wait_for_the_many_before_them() -> None:
    queue: FairQueue[str] = FairQueue()
    for n in range(10_000):
        queue.push(Claim("many"), f"m{n}")
    for n in range(5):
        queue.push(Claim("few"), f"f{n}")
    first = [queue.pop()[1] for _ in range(11)]
    assert [item for item in first if item.startswith("f")] == ["f0", "f1", "f2", "f3", "f4"]


def test_who_was_idle_has_saved_up_nothing() -> None:
    queue: FairQueue[str] = FairQueue()
    for _ in range(200):
        queue.push(Claim("busy"), "busy")
    for _ in range(100):
        queue.pop()
    for _ in range(100):
        queue.push(Claim("idle"), "idle")
    served = Counter(queue.pop()[1] for _ in range(100))
    assert abs(served["idle"] - served["busy"]) <= 2


def test_who_cost_more_than_was_said_is_served_less() -> None:
    queue: FairQueue[str] = FairQueue()
    for key in ("dear", "cheap"):
        for _ in range(1_000):
            queue.push(Claim(key), key, 1.0)
    served: Counter[str] = Counter()
    for _ in range(500):
        given, key, cost = queue.pop()
        served[key] += 1
        if key == "dear":
            queue.correct(given, 9.0 - cost)
    assert abs(served["cheap"] - 9 * served["dear"]) <= 10


def test_who_cost_less_than_was_said_is_served_more_but_never_ahead_of_now() -> None:
    time = VirtualTime()
    time.serve("a", 10.0, 1.0)
    time.serve("b", 1.0, 1.0)
    time.correct("a", -100.0, 1.0)
    assert time.start_of("a") == time.now


def test_what_was_taken_while_nobody_waited_is_forgiven() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push(Claim("alone"), "alone", 1_000.0)
    queue.pop()
    for _ in range(3):
        queue.push(Claim("alone"), "alone", 1.0)
        queue.push(Claim("other"), "other", 1.0)
    assert [queue.pop()[1] for _ in range(2)] == ["alone", "other"]


def test_the_batch_has_every_fifth_turn() -> None:
    queue: FairQueue[str] = FairQueue()
    for lane in LANES:
        for _ in range(50):
            queue.push(Claim("a", lane), lane)
    lanes = [queue.pop()[1] for _ in range(50)]
    assert Counter(lanes) == {"interactive": 40, "batch": 10}
    assert lanes[0] == "interactive"


def test_tenants_that_owe_nothing_are_forgotten() -> None:
    time = VirtualTime()
    for n in range(10_000):
        time.serve(str(n), 1.0, 1.0)
        time.now += 1.0
    assert len(time._finish) < 200
