"""Locks itself in, then becomes somebody's program. Run as a script of its own: `python -I -S jail.py TASK`.

TASK is JSON; `penstock.sandbox.locked` writes it. The program sees a file system of a few read-only folders (Python
and the system's libraries) and an empty `/tmp` in memory; no network, no other process, no environment. It has no
privileges and no way to get any, and limits of processor time, memory, processes and files. Linux only: namespaces
(man 7 namespaces), as root or where the kernel lets users make their own.

The program runs as process 1 of its namespace, so whatever it started dies with it; and it dies with this process.
It is kept in by chroot rather than pivot_root: a process in a chroot cannot make user namespaces (man 2 unshare,
EPERM), which would give it privileges again.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import resource
import signal
import sys
from typing import Any

NEW_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x20000000 | 0x40000000  # mount, UTS, IPC, PID, network
NEW_USER = 0x10000000
READ_ONLY, NO_SETUID, NO_DEVICES, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
RELATIVE_ACCESS_TIMES, STATVFS_RELATIVE_ACCESS_TIMES = 1 << 21, 4096
KEPT_MOUNT_FLAGS = 2 | 4 | 8 | 1024 | 2048
"""No set-uid, no devices, no execution, no access times: the same bits for statvfs and mount."""
PARENT_DEATH_SIGNAL, NO_NEW_PRIVILEGES = 1, 38
ROOT = "/proc"
"""Where the program's file system is put together: a folder that is always there, and not needed any more."""
HOME = "/tmp"  # noqa: S108 - inside the program's own file system
INSIDE_ID = 1000
READY = b"ready"

libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    task = json.loads(sys.argv[1])
    status: int = task["status"]
    os.set_inheritable(status, False)
    try:
        with open(task["files"], encoding="utf-8") as given:
            files: dict[str, str] = json.load(given)
        if task["locked"]:
            make_namespaces()
            program = os.fork()
            if program:
                end_as(program)
            check("prctl", libc.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))
            make_root(task["visible"], task["limits"]["disk"])
            write(files)
            give_up_privileges()
        else:
            os.chdir(task["folder"])
            write(files)
        set_limits(task["limits"])
        os.write(status, READY)
        os.execve(task["python"], [task["python"], *task["arguments"]], {})  # noqa: S606 - this is what it is for
    except OSError as error:
        os.write(status, str(error).encode())
        os._exit(1)


def make_namespaces() -> None:
    """As root directly; as anybody else inside a user namespace of one's own."""
    uid, gid = os.getuid(), os.getgid()
    if uid == 0:
        check("unshare", libc.unshare(NEW_NAMESPACES))
        return
    check("unshare", libc.unshare(NEW_NAMESPACES | NEW_USER))
    for name, line in (("setgroups", "deny"), ("uid_map", f"{INSIDE_ID} {uid} 1"), ("gid_map", f"{INSIDE_ID} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(line)


def end_as(program: int) -> None:
    """Wait for the program, and end as it did."""
    os.closerange(0, 3)
    _, status = os.waitpid(program, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def make_root(visible: list[str], disk_bytes: int) -> None:
    """A file system in memory that shows these folders and files, read-only, where they are; and make it the root."""
    mount(None, "/", None, RECURSIVE | PRIVATE)
    mount("tmpfs", ROOT, "tmpfs", NO_SETUID | NO_DEVICES, f"size={disk_bytes},nr_inodes=10000,mode=755")
    for path in visible:
        show(path)
    os.makedirs(ROOT + HOME, exist_ok=True)
    os.chmod(ROOT + HOME, 0o1777)  # noqa: S103 - as /tmp is
    os.chroot(ROOT)
    os.chdir(HOME)


def show(path: str) -> None:
    there = ROOT + path
    os.makedirs(os.path.dirname(there), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), there)
        return
    if os.path.isdir(path):
        os.makedirs(there, exist_ok=True)
    else:
        os.close(os.open(there, os.O_CREAT | os.O_WRONLY))
    mount(path, there, None, BIND | RECURSIVE)
    found = os.statvfs(there).f_flag
    kept = found & KEPT_MOUNT_FLAGS | (RELATIVE_ACCESS_TIMES if found & STATVFS_RELATIVE_ACCESS_TIMES else 0)
    mount(None, there, None, BIND | REMOUNT | READ_ONLY | NO_SETUID | kept)


def give_up_privileges() -> None:
    """Nobody's id. As root one that nobody else has, so that limits on processes count this program's alone."""
    check("prctl", libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    if os.getuid() == 0:
        someone = random.randrange(1 << 30, 1 << 31)  # noqa: S311 - no secret
        os.setgroups([])
        os.setresgid(someone, someone, someone)
        os.setresuid(someone, someone, someone)
        check("prctl", libc.prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))  # The change of id has cleared it.


def set_limits(limits: dict[str, int]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu"], limits["cpu"] + 1))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["file"], limits["file"]))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if limits["processes"]:
        resource.setrlimit(resource.RLIMIT_NPROC, (limits["processes"], limits["processes"]))


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        with open(name, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(name, 0o444)


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    given: list[Any] = [None if text is None else text.encode() for text in (source, target, kind, data)]
    check(f"mount {target}", libc.mount(given[0], given[1], given[2], ctypes.c_ulong(flags), given[3]))


def check(what: str, result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


if __name__ == "__main__":
    main()
