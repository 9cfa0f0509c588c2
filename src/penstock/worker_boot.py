"""What every worker process runs first: it makes sure that the process ends with the one that started it.

    python -I worker_boot.py PARENT PROGRAM

A worker that sits in an endless loop does not see its input end. Where the system can send a signal when a parent dies,
it does; elsewhere a thread looks. It imports nothing of Penstock.
"""

import ctypes
import os
import runpy
import signal
import sys
import threading
import time

LOOK_SECONDS = 1.0
_SET_PARENT_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of Linux's prctl(2)."""


def end_with(parent: int) -> None:
    """Be killed, with all that this process has started, when the parent is no more."""
    try:
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    except (AttributeError, OSError, TypeError):
        threading.Thread(target=_look_after, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _look_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    sys.argv = sys.argv[2:]
    runpy.run_path(sys.argv[0], run_name="__main__")
