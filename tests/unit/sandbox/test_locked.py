"""Programs that want to do harm, locked in: what each of them gets, and what is left of it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from penstock.errors import StepError
from penstock.sandbox import locked as module
from penstock.sandbox.locked import Ended, LockedLimits, LockedPython, Script

QUICK = LockedLimits(seconds=5.0)


async def run(source: str, limits: LockedLimits = QUICK, stdin: bytes = b"") -> Ended:
    return await LockedPython(trusted=False).run(Script({"main.py": source}, stdin=stdin), limits)


async def test_a_program_runs_and_has_nothing_but_itself() -> None:
    source = """
import json, os, sys
print(json.dumps({
    "read": input(), "sum": sum(range(10)), "pid": os.getpid(), "parent": os.getppid(), "env": dict(os.environ),
    "here": os.listdir("."), "above": sorted(os.listdir("/")), "root": os.getuid() == 0,
}))
"""
    ended = await run(source, stdin=b"hello\n")
    seen = json.loads(ended.stdout)
    assert (ended.how, ended.exit_code, seen["read"], seen["sum"]) == ("ended", 0, "hello", 45)
    assert (seen["pid"], seen["parent"], seen["root"], seen["here"]) == (1, 0, False, ["main.py"])
    assert not set(seen["env"]) - {"LC_CTYPE"}
    assert not set(seen["above"]) & {"proc", "sys", "home", "work", "var"}


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("open('/etc/passwd')", "No such file"),
        ("open({data!r})", "No such file"),
        ("open('/proc/self/mem')", "No such file"),
        ("open('/usr/lib/mine', 'w')", "Read-only"),
        ("import os; os.chroot('.')", "Operation not permitted"),
        ("import socket; socket.create_connection(('127.0.0.1', {port}), 1)", "rror"),
        ("import socket; socket.getaddrinfo('example.org', 80)", "rror"),
        ("x = bytearray(2 * 10**9)", "MemoryError"),
        ("open('big', 'wb').write(b'x' * 10**8)", "File too large"),
        ("for n in range(9): open(str(n), 'wb').write(b'x' * 10**7)", "No space left"),
        ("import os, time\nfor _ in range(100): os.fork() or time.sleep(9)", "Resource temporarily unavailable"),
        ("import resource as r; r.setrlimit(r.RLIMIT_AS, (2**40, 2**40))", "rror"),
        ("import os; os.kill(4711, 9)", "No such process"),
    ],
)
async def test_what_it_may_not_do_fails(source: str, says: str, tmp_path: Path) -> None:
    data = tmp_path / "penstock.db"
    data.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ended = await run(source.replace("{data!r}", repr(str(data))).replace("{port}", str(port)))
    assert (ended.how, ended.exit_code) == ("ended", 1)
    assert says in ended.stderr.decode()


async def test_it_cannot_make_namespaces_or_mounts_of_its_own() -> None:
    source = """
import ctypes
libc = ctypes.CDLL(None)
print([libc.unshare(0x10000000), libc.unshare(0x20000000), libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)])
"""
    assert (await run(source)).stdout == b"[-1, -1, -1]\n"


async def test_an_endless_one_is_killed_with_all_that_it_started() -> None:
    mark = f"sleeper-{os.getpid()}"
    source = f"import os, time\nos.fork() or os.setsid()\nopen({mark!r}, 'w')\nwhile True: pass"
    ended = await run(source, LockedLimits(seconds=0.7))
    assert ended.how == "timeout"
    assert "main.py" not in processes()


async def test_one_that_prints_without_end_is_cut_off() -> None:
    ended = await run("while True: print('x' * 10_000)", LockedLimits(output_bytes=100_000))
    assert (ended.how, len(ended.stdout)) == ("output", 100_000)


@pytest.mark.parametrize("kill", ["os.kill(0, 9)", "os.kill(os.getppid(), 9)", "os.kill(-1, 9)", "os.abort()"])
async def test_killing_whoever_is_in_reach_harms_nobody_else(kill: str) -> None:
    locked = LockedPython(trusted=False)
    ended, other = await asyncio.gather(
        locked.run(Script({"main.py": f"import os\n{kill}"}), QUICK), locked.run(Script({"main.py": "print(1)"}), QUICK)
    )
    assert ended.how == "ended"
    assert (other.exit_code, other.stdout) == (0, b"1\n")


async def test_a_run_that_is_cancelled_leaves_nothing() -> None:
    locked = LockedPython(trusted=False)
    await locked.run(Script({"main.py": ""}), QUICK)
    seen = asyncio.Event()
    loop, stop = asyncio.get_running_loop(), threading.Event()

    def watch() -> None:
        while "main.py" not in processes() and not stop.is_set():
            pass
        loop.call_soon_threadsafe(seen.set)

    threading.Thread(target=watch, daemon=True).start()
    running = asyncio.create_task(locked.run(Script({"main.py": "while True: pass"}), LockedLimits(seconds=60)))
    async with asyncio.timeout(20):
        await seen.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    stop.set()
    assert "main.py" not in processes()


def test_an_ordinary_user_is_locked_in_by_a_user_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way in without being root. Run as somebody else, so with a Python and a script that anybody can read."""
    python, user = "/usr/bin/python3", ("setpriv", "--reuid=23456", "--regid=23456", "--clear-groups")
    if os.getuid() != 0 or not os.path.exists(python):
        pytest.skip("needs root, to become somebody else, and a Python that others may run")
    if subprocess.run((*user, "unshare", "-Urn", "true"), capture_output=True, check=False).returncode:
        pytest.skip("this kernel lets nobody but root make namespaces")
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    module._visible.cache_clear()
    source = """
import ctypes, os
libc = ctypes.CDLL(None)
print(os.getuid(), os.getpid(), os.path.exists("/etc/passwd"), libc.unshare(0x10000000), libc.chroot(b"/tmp"))
open("/usr/lib/mine", "w")
"""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as files:
        os.chmod(folder, 0o755)
        jail = shutil.copy(module._JAIL, folder)
        files.write(json.dumps({"main.py": source}).encode())
        files.seek(0)
        status, theirs = os.pipe()
        task = module._task(Script({"main.py": source}), QUICK, None, (files.fileno(), theirs))
        command = (*user, python, "-I", "-S", jail, task)
        done = subprocess.run(command, pass_fds=(files.fileno(), theirs), capture_output=True, text=True, check=False)
        os.close(theirs)
        assert os.read(status, 1000) == b"ready"
        os.close(status)
    module._visible.cache_clear()
    assert done.stdout == "1000 1 False -1 -1\n"
    assert "Read-only file system" in done.stderr


async def test_where_nothing_can_be_locked_in_it_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "jail.py"
    source = Path(module.__file__).with_name("jail.py").read_text()
    broken.write_text(
        source.replace("def make_namespaces() -> None:", "def make_namespaces():\n    raise OSError('no')\n")
    )
    monkeypatch.setattr(module, "_JAIL", broken)
    with pytest.raises(StepError) as caught:
        await run("print(1)")
    assert caught.value.code == "code_unlocked"
    assert "PENSTOCK_TRUSTED_PYTHON=1" in caught.value.message
    assert not caught.value.retryable
    trusted = LockedPython(trusted=True)
    ended = await trusted.run(Script({"main.py": "import os; print(os.listdir('.'), os.environ.get('HOME'))"}), QUICK)
    assert ended.stdout == b"['main.py'] None\n"
    ended = await trusted.run(Script({"main.py": "while True: pass"}), LockedLimits(seconds=0.5))
    assert ended.how == "timeout"


def processes() -> str:
    done = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return "\n".join(line for line in done.stdout.splitlines() if sys.version.split()[0] in line or "-X utf8" in line)
