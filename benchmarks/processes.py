"""Processes under measurement: started, watched through /proc (so on Linux only), and ended."""

from __future__ import annotations

import os
import re
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_STOP_SECONDS = 15


@dataclass(frozen=True)
class Process:
    """A running process and those it has started."""

    pid: int

    def cpu_seconds(self) -> float:
        """User and system time so far, of the process and of the children it has."""
        return sum(_cpu_seconds(pid) for pid in _family(self.pid))

    def rss_mb(self) -> float:
        return _status(self.pid, "VmRSS") / 1024

    def peak_rss_mb(self) -> float:
        """The highest RSS of the process alone since it started, or since `forget_peak`."""
        return _status(self.pid, "VmHWM") / 1024

    def ended(self) -> bool:
        """Whether it is gone, or has ended and nobody has asked for its exit code yet."""
        try:
            return _stat(self.pid)[0] == "Z"
        except OSError:
            return True

    def forget_peak(self) -> None:
        """Let the peak begin anew from what is in use now (man 5 proc: clear_refs)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@contextmanager
def started(
    command: Sequence[str | Path], *, log: Path, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """A process whose output goes to `log`; it is ended when the block is left."""
    with log.open("wb") as output:
        process = _start(command, output, cwd, environment)
        try:
            yield Process(process.pid)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(
    command: Sequence[str | Path], output: IO[bytes], cwd: Path | None, environment: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    own = {**os.environ, **(environment or {})}
    return subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=cwd, env=own)


def wait_for(url: str, process: Process, *, log: Path, seconds: float = 30) -> None:
    """Return when `url` answers with less than 500. Raises RuntimeError with the end of the log when it does not."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up and not process.ended():
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
        except OSError:
            pass
        time.sleep(0.005)
    end = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"nothing answers at {url}; its log ends:\n{end}")


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from _family(int(child))


def _cpu_seconds(pid: int) -> float:
    try:
        fields = _stat(pid)
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK_SECONDS


def _stat(pid: int) -> list[str]:
    """/proc/PID/stat from the third field on, the state; the second one is a name that may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _status(pid: int, name: str) -> int:
    """A field of /proc/PID/status in kB."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeError(f"/proc/{pid}/status has no {name}")
    return int(found[1])
