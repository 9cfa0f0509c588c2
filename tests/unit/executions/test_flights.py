"""Who was under way when a process died, and what is done about one that kills it each time."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from penstock.executions.flights import SLOTS, Flights, Ward
from penstock.executions.journal import StepRecord
from penstock.executions.paths import child, top
from penstock.models.usage import Usage
from penstock.storage import steps
from penstock.storage.store import Transaction
from penstock.storage.suspects import Suspect
from penstock.testing.core import open_core


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "flights"


def crash(file: Path, *items: tuple[int, str]) -> None:
    """A process that dies with these items under way: it does not close anything."""
    flights = Flights(file)
    for no, path in items:
        flights.take_off(no, path)
    flights._map.flush()  # type: ignore[union-attr]  # the kernel would have the pages; here one process plays both


async def test_who_was_under_way_is_counted_and_who_had_landed_is_not(file: Path, tmp_path: Path) -> None:
    async with open_core(tmp_path / "p.db", works=False) as core:
        execution = await core.submit([1, 2, 3])
        no = execution.no
        for crashes in (1, 2, 3):
            before = Flights(file)
            await before.recover(core.store)
            landed = before.take_off(no, top(1))
            before.take_off(no, top(2))
            before.land(landed)
            after = Flights(file)
            await after.recover(core.store)
            assert after.suspects == ({(no, top(2)): Suspect(crashes, crashes == 3)} if crashes > 1 else {})
            assert after.quarantined(no, top(2)) == (crashes == 3)
            after.close()
            before.close()


async def test_an_item_is_not_blamed_for_its_elements(file: Path, tmp_path: Path) -> None:
    async with open_core(tmp_path / "p.db", works=False) as core:
        execution = await core.submit([1])
        element = child(top(0), "pages", 4)
        for _ in range(2):
            crash(file, (execution.no, top(0)), (execution.no, element))
            flights = Flights(file)
            await flights.recover(core.store)
            flights.close()
        assert set(flights.suspects) == {(execution.no, element)}


async def test_rubbish_in_the_file_is_passed_over(file: Path, tmp_path: Path) -> None:
    await asyncio.to_thread(file.write_bytes, b"\xff\x01 no slots at all \x00" * 1000)
    async with open_core(tmp_path / "p.db", works=False) as core:
        flights = Flights(file)
        await flights.recover(core.store)
        assert flights.suspects == {}
        assert [flights.take_off(1, top(n)) for n in range(SLOTS + 1)].count(-1) == 1, "more than it holds is no fault"
        flights.close()


async def test_of_several_suspects_none_is_guilty_and_each_next_runs_without_the_others(
    file: Path, tmp_path: Path
) -> None:
    async with open_core(tmp_path / "p.db", works=False) as core:
        no = (await core.submit([1, 2])).no
        for _ in range(3):
            crash(file, (no, top(0)), (no, top(1)))
            flights = Flights(file)
            await flights.recover(core.store)
            flights.close()
        assert not flights.quarantined(no, top(0))
        assert flights.must_be_alone(no, top(0))
        crash(file, (no, top(1)))
        flights = Flights(file)
        await flights.recover(core.store)
        assert (flights.quarantined(no, top(0)), flights.quarantined(no, top(1))) == (False, True)
        flights.close()


async def test_suspects_run_a_few_at_a_time_and_one_alone() -> None:
    ward, story = Ward(2), []
    free = asyncio.Event()

    async def suspect(name: str, *, alone: bool = False) -> None:
        await ward.enter(alone=alone)
        story.append(f"{name} in")
        await free.wait()
        story.append(f"{name} out")
        ward.leave()

    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(suspect(name))
        group.create_task(suspect("alone", alone=True))
        gone = group.create_task(suspect("gone", alone=True))
        group.create_task(suspect("d"))
        await asyncio.sleep(0)
        assert story == ["a in", "b in"]
        gone.cancel()
        free.set()
    assert story[:4] == ["a in", "b in", "a out", "b out"]
    at = story.index("alone in")
    assert story[at + 1] == "alone out"
    assert story.count("c out") == story.count("d out") == 1


async def test_an_item_that_got_further_is_not_the_one(file: Path, tmp_path: Path) -> None:
    async with open_core(tmp_path / "p.db", works=False) as core:
        execution = await core.submit([1])
        for crashes in range(4):
            crash(file, (execution.no, top(0)))
            flights = Flights(file)
            await flights.recover(core.store)
            assert flights.suspects == ({(execution.no, top(0)): Suspect(2, False)} if crashes == 3 else {})
            flights.close()
            if crashes < 2:
                step = StepRecord(top(0), f"step {crashes}", 0, 0, "succeeded", "f", 1, 1, 1, "1", None, Usage(), None)
                rows = [step.row(execution.no)]

                def record(rows: list[Any] = rows) -> Transaction[None]:
                    yield steps.insert_many(rows)

                await core.store.write(record())
