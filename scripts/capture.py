"""Runs a command on a terminal of its own and draws what stood on it as SVG.

    python scripts/capture.py --start 'In the request' --stop 'Crawl a site' docs/images/demo.svg \
        -- python examples/demo.py

`--start` and `--stop` cut the picture: from the first line that holds the one, up to the first that holds the other.
"""

from __future__ import annotations

import argparse
import fcntl
import io
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 104
_ERASED = re.compile(r".*(?:\r|\x1b\[2K)")
_FONT_FROM_ELSEWHERE = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""A picture loads nothing from other hosts; without this font it is shown in the viewer's own."""
_NOT_A_STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]")


def output_of(command: Sequence[str]) -> str:
    """Everything that the command wrote to its terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": str(COLUMNS)}
        os.execvp(command[0], list(command))  # noqa: S606 - the command is the caller's own
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    pieces = []
    with os.fdopen(terminal, "rb", buffering=0) as reader:
        try:
            while piece := reader.read(65536):
                pieces.append(piece)
                sys.stdout.buffer.write(piece)
                sys.stdout.buffer.flush()
        except OSError:
            pass  # How Linux says that the other side of a terminal has been closed.
    os.waitpid(pid, 0)
    return b"".join(pieces).decode(errors="replace")


def left_standing(output: str) -> list[str]:
    """The lines as they stand at the end: what was drawn over is gone, styles are kept."""
    lines = output.replace("\r\n", "\n").split("\n")
    return [_NOT_A_STYLE.sub("", _ERASED.sub("", line)) for line in lines]


def cut(lines: Sequence[str], start: str, stop: str) -> Sequence[str]:
    """The lines between two marks; an empty mark is the beginning or the end."""
    first = next((n for n, line in enumerate(lines) if start and start in line), 0)
    last = next((n for n, line in enumerate(lines) if stop and stop in line and n > first), len(lines))
    while last > first and not lines[last - 1].strip():
        last -= 1
    return lines[first:last]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Draws what a command writes to a terminal.")
    parser.add_argument("--start", default="")
    parser.add_argument("--stop", default="")
    parser.add_argument("--title", default="make demo")
    parser.add_argument("file", type=Path)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in cut(left_standing(output_of(options.command)), options.start, options.stop):
        console.print(Text.from_ansi(line), soft_wrap=False)
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_text(_FONT_FROM_ELSEWHERE.sub("", console.export_svg(title=options.title)), encoding="utf-8")


if __name__ == "__main__":
    main()
