"""A blocking search in a thread of its own, whose every wish is done on the event loop by the task that waits for it.

So whatever the search asks for belongs to that task: it is cancelled, paused and recorded with it. The search never
runs while a wish is being granted, and no thread is left behind.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Unwound(BaseException):
    """Ends a search from within. No `Exception`, so that what a package catches broadly does not hold it up."""


@dataclass(frozen=True, slots=True)
class _Wish:
    work: Callable[[], Awaitable[Any]]
    reply: Future[Any]


class Ask:
    """What a search has of the event loop: call it with work, and it returns what that comes to.

    Raises `Unwound` in the search when the work failed or was cancelled, and when nobody waits for the search any more;
    whoever waits gets the failure itself.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wishes: asyncio.Queue[_Wish | None] = asyncio.Queue()
        self._lock = threading.Lock()
        self._closed = False

    def __call__(self, work: Callable[[], Awaitable[R]]) -> R:
        wish = _Wish(work, Future())
        with self._lock:
            if self._closed:
                raise Unwound
            self._loop.call_soon_threadsafe(self._wishes.put_nowait, wish)
        granted: R = wish.reply.result()
        return granted

    async def grant(self) -> bool:
        """Do the next wish; False when the search has ended instead. Raises what the work does."""
        wish = await self._wishes.get()
        if wish is None:
            return False
        try:
            value = await wish.work()
        except BaseException:
            wish.reply.set_exception(Unwound())
            raise
        wish.reply.set_result(value)
        return True

    def ended(self) -> None:
        """The search is over. Called in its thread."""
        self._loop.call_soon_threadsafe(self._wishes.put_nowait, None)

    async def close(self) -> None:
        """Grant nothing any more, and wait for the end of the search, however often the waiting is cancelled."""
        with self._lock:
            self._closed = True
        while True:
            getting = asyncio.ensure_future(self._wishes.get())
            while not getting.done():
                try:
                    await asyncio.shield(getting)
                except asyncio.CancelledError:
                    # It is being cancelled already; the thread first.
                    continue
            wish = getting.result()
            if wish is None:
                return
            wish.reply.set_exception(Unwound())


@dataclass(slots=True)
class _Ending(Generic[T]):
    value: T | None = None
    error: Exception | None = None


async def think(search: Callable[[Ask], T], name: str) -> T:
    """What `search` comes to, run in a thread of this name. Raises what it raises, and what its wishes do."""
    ask = Ask(asyncio.get_running_loop())
    ending: _Ending[T] = _Ending()

    def run() -> None:
        try:
            ending.value = search(ask)
        except Unwound:
            pass
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits
            ending.error = error
        finally:
            ask.ended()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        while await ask.grant():
            pass
    except BaseException:
        await ask.close()
        raise
    finally:
        thread.join()
    if ending.error is not None:
        raise ending.error
    return ending.value  # type: ignore[return-value]
