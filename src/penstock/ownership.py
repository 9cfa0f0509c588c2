"""Who runs a data folder: one process at a time, held by a lock that the system drops when the process dies."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

from penstock.errors import Conflict, Unavailable


class FolderLock:
    """The lock `worker.lock` in a data folder; its text says who holds it."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    @classmethod
    def take(cls, folder: Path, url: str | None) -> FolderLock:
        """Take the folder. Raises `Conflict` naming the process that has it."""
        path = folder / "worker.lock"
        try:
            file = path.open("a+")
        except OSError as error:
            detail = f"The data folder {folder} cannot be written: {error.strerror}. Check its owner and permissions."
            raise Unavailable("store_read_only", detail) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise _taken(folder, file) from None
        try:
            file.seek(0)
            file.truncate()
            json.dump({"pid": os.getpid(), "url": url}, file)
            file.flush()
        except OSError as error:
            with contextlib.suppress(OSError):
                file.close()
            detail = f"{path} cannot be written: {error.strerror}. Make room on its disk, then start again."
            raise Unavailable("store_full", detail) from error
        return cls(file)

    def release(self) -> None:
        """Let another process take the folder."""
        self._file.close()


def _taken(folder: Path, file: IO[str]) -> Conflict:
    holder: dict[str, Any] = {}
    with file, contextlib.suppress(ValueError):
        file.seek(0)
        said = json.loads(file.read())
        holder = said if isinstance(said, dict) else {}
    pid, url = holder.get("pid", "?"), holder.get("url")
    if url is None:
        todo = "Wait until it ends, stop it, or use another folder."
    else:
        todo = f"It serves {url}: talk to it with PENSTOCK_URL={url}, or use another folder."
    return Conflict("data_folder_in_use", f"Process {pid} runs the data folder {folder}. {todo}")
