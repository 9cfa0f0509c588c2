"""A process dies where it is told to, and nowhere else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from penstock.failpoints import POINTS

SOURCES = Path(__file__).resolve().parents[2] / "src" / "penstock"
VISITS = """
from penstock.failpoints import reached
for n in range(1, 5):
    reached("end.in_transaction")
    reached("end.after_commit")
    print(n)
"""


def visited(crash_at: str | None) -> tuple[int, str, str]:
    """Exit code, output and errors of a process that comes to two points four times each."""
    environment = {**os.environ, **({"PENSTOCK_CRASH_AT": crash_at} if crash_at else {})}
    done = subprocess.run([sys.executable, "-c", VISITS], env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.replace("\n", ""), done.stderr


@pytest.mark.parametrize(
    ("crash_at", "code", "printed"),
    [(None, 0, "1234"), ("end.after_commit", -signal.SIGKILL, ""), ("submit.after_commit", 0, "1234")],
)
def test_a_process_dies_at_the_named_point_only(crash_at: str | None, code: int, printed: str) -> None:
    assert visited(crash_at)[:2] == (code, printed)


def test_it_can_die_the_third_time() -> None:
    assert visited("end.after_commit:3")[0] == -signal.SIGKILL
    assert visited("end.after_commit:5")[:2] == (0, "1234")


@pytest.mark.parametrize("wrong", ["end.never", "end.after_commit:soon"])
def test_a_point_that_would_never_fire_is_refused(wrong: str) -> None:
    code, _, errors = visited(wrong)
    assert code == 1
    assert "PENSTOCK_CRASH_AT" in errors
    assert "end.after_commit" in errors


def test_every_point_is_in_the_program_and_in_the_documentation() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in SOURCES.rglob("*.py"))
    assert set(re.findall(r'reached\("([^"]+)"\)', text)) == set(POINTS)
    page = (SOURCES.parents[1] / "docs" / "reliability.md").read_text(encoding="utf-8")
    assert not [point for point, what in POINTS.items() if f"| `{point}` | {what} |" not in page]
