"""One process runs a data folder; the system lets go of it when that process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penstock.errors import Conflict, Unavailable
from penstock.ownership import FolderLock

HOLD = """
import sys
from pathlib import Path
from penstock.ownership import FolderLock

lock = FolderLock.take(Path(sys.argv[1]), "http://127.0.0.1:9")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def other_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_the_second_process_is_told_who_has_the_folder(tmp_path: Path) -> None:
    with other_process(tmp_path) as holder:
        with pytest.raises(Conflict) as caught:
            FolderLock.take(tmp_path, None)
        assert caught.value.code == "data_folder_in_use"
        for part in (str(holder.pid), str(tmp_path), "http://127.0.0.1:9"):
            assert part in caught.value.detail


def test_a_holder_that_is_killed_frees_the_folder(tmp_path: Path) -> None:
    with other_process(tmp_path) as holder:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        lock = FolderLock.take(tmp_path, None)
        with pytest.raises(Conflict, match=f"Process {os.getpid()} "):
            FolderLock.take(tmp_path, None)
        lock.release()


def test_released_it_can_be_taken_again_and_names_the_new_holder(tmp_path: Path) -> None:
    FolderLock.take(tmp_path, "http://first").release()
    lock = FolderLock.take(tmp_path, "http://second")
    with pytest.raises(Conflict) as caught:
        FolderLock.take(tmp_path, None)
    assert f"Process {os.getpid()} " in caught.value.detail
    assert "http://second" in caught.value.detail
    assert "first" not in caught.value.detail
    lock.release()


@pytest.mark.parametrize("text", ["", "not JSON", "[1]"])
def test_a_lock_file_that_says_nothing_still_locks(tmp_path: Path, text: str) -> None:
    lock = FolderLock.take(tmp_path, None)
    (tmp_path / "worker.lock").write_text(text)
    with pytest.raises(Conflict):
        FolderLock.take(tmp_path, None)
    lock.release()


def test_a_child_does_not_inherit_the_folder(tmp_path: Path) -> None:
    """A sandbox or a model server that outlives its killed parent must not keep the folder locked."""
    lock = FolderLock.take(tmp_path, None)
    command = [sys.executable, "-c", "print('up', flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"up\n"
        lock.release()
        FolderLock.take(tmp_path, None).release()
        child.communicate(b"\n")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        FolderLock.take(tmp_path / "nowhere", None)
    assert "nowhere" in caught.value.detail
