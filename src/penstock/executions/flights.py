"""Which items are under way, in a file that outlives the process: so that one that kills it is found out.

An item that is about to work is entered into a slot of a memory-mapped file, and struck out when it has; that costs a
microsecond and no write to disk. When the process is killed the kernel keeps the pages, and the next start reads who
was under way. (After a power failure the file may be old or empty. That was no item's fault either.)

    1st crash   nothing is done: a process dies for many reasons
    2nd crash   items that were under way both times are suspects: next only a few of them run at a time
    3rd crash   a suspect that was the only one under way is quarantined: it fails, and the rest goes on; of several,
                each next runs without the others

Everything else runs beside the suspects as ever. An item that got further than at the crash before, by a recorded step,
is not the one: it counts anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import mmap
import os
import struct
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from penstock.errors import Unavailable
from penstock.executions import paths
from penstock.storage import suspects as suspect_rows
from penstock.storage.store import Store
from penstock.storage.suspects import Suspect

logger = logging.getLogger(__name__)

MAX_CRASHES = 3
SLOTS = 8_192
_HEAD = struct.Struct("<qH")
_SLOT_BYTES = 128
_PATH_BYTES = _SLOT_BYTES - _HEAD.size
NO_SLOT = -1
TOGETHER = 16
"""One in so many suspects runs at a time: of few just one, of hundreds enough that the rest does not wait for hours."""


class Ward:
    """Where suspects run: a few at a time, or one without the others. Served in order of arrival."""

    def __init__(self, places: int = 1) -> None:
        self.places = places
        self._inside = 0
        self._alone = False
        self._waiting: deque[tuple[bool, asyncio.Future[None]]] = deque()

    async def enter(self, *, alone: bool) -> None:
        """Wait until the suspect may work. Cancelling the wait leaves nothing behind."""
        if not self._waiting and self._admits(alone=alone):
            self._admit(alone=alone)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((alone, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            else:
                self._next()
            raise

    def leave(self) -> None:
        """The suspect works no more."""
        self._inside -= 1
        self._alone = False
        self._next()

    def _admits(self, *, alone: bool) -> bool:
        return not self._alone and self._inside < (1 if alone else self.places)

    def _admit(self, *, alone: bool) -> None:
        self._inside += 1
        self._alone = alone

    def _next(self) -> None:
        while self._waiting:
            alone, turn = self._waiting[0]
            if not turn.done():
                if not self._admits(alone=alone):
                    return
                self._admit(alone=alone)
                turn.set_result(None)
            self._waiting.popleft()


class Flights:
    """The items under way in this process. `path` is the file; without one, no record is kept."""

    def __init__(self, path: Path | None = None, *, max_crashes: int = MAX_CRASHES) -> None:
        self.max_crashes = max_crashes
        self.ward = Ward()
        self.suspects: dict[tuple[int, str], Suspect] = {}
        """Items that were under way in two crashes or more."""
        self._map = None if path is None else _open(path)
        self._crashed = [] if self._map is None else _read(self._map)
        self._free = list(range(SLOTS - 1, -1, -1)) if self._map is not None else []

    async def recover(self, store: Store) -> None:
        """Note who was under way when the process before this one died; to be called before anything runs."""
        if self._crashed:
            logger.warning("the process before this one died with %d items under way", len(self._crashed))
            await store.write(suspect_rows.note(_leaves(self._crashed), self.max_crashes))
        self.suspects = await store.read(suspect_rows.known(self.max_crashes - 1))
        self.ward.places = max(1, len(self.suspects) // TOGETHER)
        if self._map is not None:
            self._map[:] = bytes(len(self._map))

    def quarantined(self, execution_no: int, path: str) -> bool:
        """Whether an item may not run any more."""
        suspect = self.suspects.get((execution_no, path))
        return suspect is not None and suspect.guilty

    def must_be_alone(self, execution_no: int, path: str) -> bool:
        """Whether a suspect may run only without the others."""
        return self.suspects[execution_no, path].crashes >= self.max_crashes

    def take_off(self, execution_no: int, path: str) -> int:
        """An item is about to work; returns its slot."""
        if not self._free or self._map is None:
            return NO_SLOT
        encoded = path.encode()
        if len(encoded) > _PATH_BYTES:
            return NO_SLOT
        slot = self._free.pop()
        at = slot * _SLOT_BYTES
        self._map[at + _HEAD.size : at + _HEAD.size + len(encoded)] = encoded
        _HEAD.pack_into(self._map, at, execution_no, len(encoded))
        return slot

    def land(self, slot: int) -> None:
        """It works no more."""
        if slot != NO_SLOT and self._map is not None:
            _HEAD.pack_into(self._map, slot * _SLOT_BYTES, 0, 0)
            self._free.append(slot)

    def cleared(self, execution_no: int, path: str) -> None:
        """A suspect has come to its end without harm."""
        self.suspects.pop((execution_no, path), None)

    async def refresh(self, store: Store, execution_no: int) -> None:
        """See whether items of an execution are still suspected: a retry, in whatever process, forgives them."""
        if self.suspects:
            known = await store.read(suspect_rows.known(self.max_crashes - 1, execution_no))
            others = {key: suspect for key, suspect in self.suspects.items() if key[0] != execution_no}
            self.suspects = others | known

    def close(self) -> None:
        """Let go of the file. Nothing is under way any more."""
        if self._map is not None:
            self._map.close()
            self._map = None


def _open(path: Path) -> mmap.mmap:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with contextlib.closing(os.fdopen(descriptor, "r+b")) as file:
            # Every byte is written now: one without room on the disk would kill the process when it is first touched.
            missing = SLOTS * _SLOT_BYTES - file.seek(0, os.SEEK_END)
            file.write(bytes(max(0, missing)))
            file.flush()
            return mmap.mmap(file.fileno(), SLOTS * _SLOT_BYTES)
    except OSError as error:
        code = "store_full" if error.errno == errno.ENOSPC else "store_read_only"
        detail = f"{path} cannot be made: {error.strerror}. Check its folder's owner, permissions and room."
        raise Unavailable(code, detail) from error


def _read(pages: mmap.mmap) -> list[tuple[int, str]]:
    """Who is entered; slots that make no sense are passed over."""
    found = []
    for slot in range(SLOTS):
        at = slot * _SLOT_BYTES
        execution_no, length = _HEAD.unpack_from(pages, at)
        if execution_no > 0 and 0 < length <= _PATH_BYTES:
            text = pages[at + _HEAD.size : at + _HEAD.size + length]
            with contextlib.suppress(ValueError):
                path = text.decode()
                paths.shown(path)
                found.append((execution_no, path))
    return found


def _leaves(under_way: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """Without the items whose own elements were under way: those did the work."""
    items = set(under_way)
    above = {(no, parent) for no, path in items for parent in paths.parents(path)}
    return sorted(items - above)
