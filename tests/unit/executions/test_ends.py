"""However work breaks, its execution ends and says why, or is taken up again: none stays running for ever."""

from __future__ import annotations

import asyncio

import pytest

from penstock.executions.item import Attempt, ItemRun
from penstock.executions.model import Status
from penstock.models.usage import Usage
from penstock.storage.store import rows_of
from penstock.testing.core import TENANT, Core
from penstock.types import Json


@pytest.mark.parametrize("nested", [False, True])
async def test_an_item_that_cancels_itself_is_not_missing_unnoticed(core: Core, nested: bool) -> None:
    async def one(item: ItemRun) -> Json:
        if item.input == 2:
            raise asyncio.CancelledError
        return item.input

    async def work(item: ItemRun) -> Json:
        if not nested:
            return await one(item)
        return len(await item.fan_out([1, 2, 3], one, label=None, limit=2))

    ended = await core.run([1, 2, 3], work)
    assert ended.status == Status.FAILED
    assert ended.error is not None
    assert ended.error.code == "internal_error"


async def test_what_cannot_be_ended_is_tried_again_until_it_can(core: Core, caplog: pytest.LogCaptureFixture) -> None:
    async def ask(attempt: Attempt) -> Json:
        attempt.meter.usage.add(Usage(model_calls=1, input_tokens=5 * 10**18))
        return None

    async def work(item: ItemRun) -> Json:
        return await core.step(item, "ask", ask)

    core.work = work
    # What two steps counted cannot be added up, so neither a good nor a bad end can be written.
    execution = await core.submit([1, 2])
    async with asyncio.timeout(20):
        while "could not be ended" not in caplog.text:
            await asyncio.sleep(0.01)
    assert (await core.service.get(TENANT, execution.id)).status == Status.RUNNING
    await core.store.write(rows_of("update steps set input_tokens = 1"))
    ended = await core.finished(execution)
    assert ended.status == Status.COMPLETED
    assert len(core.calls) == 2
