"""Runs a task over a page where it can do no harm.

An HTML parser must accept every text, and some texts cost it time or memory far beyond their size: 300 kB of
`<ul><li>` take half a minute, 100 kB of unclosed `<b id=1>` and `<p>` take gigabytes. So a page that is small and
tame is read in a thread (about a millisecond); a large or a strange one in a process of its own, with limits on time
and memory and none of this process's environment (about 80 ms more).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from penstock.errors import StepError
from penstock.net.html.tasks import TASKS
from penstock.types import JsonObject

MAX_PAGE_CHARS = 20_000_000
TAME_CHARS = 128_000
TAME_NODES = 1_000_000
TIME_LIMIT_SECONDS = 20
MEMORY_LIMIT_BYTES = 1 << 30
PROCESSES = 2

_FORMATTING = re.compile(r"<(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/>]", re.IGNORECASE)
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG")
_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def run(task: str, html: str, arguments: Mapping[str, Any]) -> JsonObject:
    """The task's result. Raises its `StepError`, or `html_too_large`, `html_too_complex`."""
    if len(html) > MAX_PAGE_CHARS:
        raise StepError("html_too_large", f"the page is longer than {MAX_PAGE_CHARS} characters")
    if is_tame(html):
        return await asyncio.to_thread(TASKS[task], html, arguments)
    slots = _slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(PROCESSES))
    async with slots:
        return await _run_apart(task, html, arguments)


def is_tame(html: str) -> bool:
    """Whether no parser can spend more than moments and some 100 MB on this page.

    An unclosed formatting element is made again in every block after it, so the product of both counts is the most
    nodes that a page can become.
    """
    return len(html) <= TAME_CHARS and len(_FORMATTING.findall(html)) * html.count("<") <= TAME_NODES


async def _run_apart(task: str, html: str, arguments: Mapping[str, Any]) -> JsonObject:
    order = json.dumps({"task": task, "arguments": arguments, "html": html}).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-P", "-m", "penstock.net.html", str(TIME_LIMIT_SECONDS), str(MEMORY_LIMIT_BYTES)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
    try:
        async with asyncio.timeout(TIME_LIMIT_SECONDS):
            answer, _ = await process.communicate(order)
    except TimeoutError:
        answer = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if not answer or process.returncode != 0:
        limits = f"{TIME_LIMIT_SECONDS} s and {MEMORY_LIMIT_BYTES >> 20} MB"
        raise StepError("html_too_complex", f"the page cannot be read within {limits}")
    reply = json.loads(answer)
    if "error" in reply:
        raise StepError(reply["error"]["code"], reply["error"]["message"])
    result: JsonObject = reply["result"]
    return result
