"""The loop of examples/loop, as somebody runs it: from real traces to a better judge."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]


def test_the_loop_goes_from_traces_to_a_judge_that_agrees_with_people(tmp_path: Path) -> None:
    plot = tmp_path / "kappa.svg"
    command = [sys.executable, str(ROOT / "examples" / "loop" / "run.py"), "--plot", str(plot)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PENSTOCK_", "OTEL_"))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    assert "80 traces of 3 spans each" in said
    assert "106 labels by joel and mara" in said
    assert re.search(r"1 rejected: .*\n +2 accepted, 100% right: .*next step", said)
    assert "kappa went from 0.01 [-0.21, 0.23] to 0.97 [0.86, 1.00]" in said
    held_out = re.search(r"before (\S+) \[.*?\] +after (\S+) \[(\S+),", said)
    assert held_out
    assert float(held_out[3]) > float(held_out[1])
    shown = "".join(ElementTree.parse(plot).getroot().itertext())
    assert "helpful, version 1, before and after" in shown


def test_the_page_shows_what_a_run_says() -> None:
    page = (ROOT / "docs" / "loop.md").read_text(encoding="utf-8")
    for line in ("80 traces of 3 spans each", "0.01 [-0.21, 0.23]", "0.97 [0.86, 1.00]", "before 0.13", "after 1.00"):
        assert line in page
