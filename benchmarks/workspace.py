"""Where benchmarks keep what they need: data folders for one run, and the peers' environments between runs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / "build" / "benchmarks"


class Unavailable(Exception):
    """Something that is measured beside Penstock cannot be set up here; the text says why."""


def scratch_root() -> Path:
    return Path(tempfile.gettempdir()).resolve()


@contextmanager
def scratch() -> Iterator[Path]:
    """An empty folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="penstock-bench-") as folder:
        yield Path(folder)


def python_with(name: str, packages: list[str]) -> Path:
    """The interpreter of a virtual environment of its own with these packages, made when it is missing.

    Raises `Unavailable` when they cannot be installed.
    """
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    stamp = folder / "installed.txt"
    wanted = "\n".join(packages)
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    print(f"  making the environment {folder.relative_to(ROOT)}: {', '.join(packages)}", file=sys.stderr, flush=True)
    venv.create(folder, with_pip=True, clear=True)
    _install([str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *packages], folder)
    stamp.write_text(wanted)
    return python


def node_program(name: str, package: str, program: str) -> Path:
    """A program of an npm package, installed into a folder of its own without running install scripts."""
    folder = ENVIRONMENTS / name
    path = folder / "node_modules" / ".bin" / program
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        _install(["npm", "install", "--no-fund", "--no-audit", "--ignore-scripts", package], folder)
    if not path.exists():
        raise Unavailable(f"{package} from npm has no program for this machine")
    return path


def installed_version(python: Path, package: str) -> str:
    """The version of a package in one of these environments."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _install(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=600)
    except FileNotFoundError as error:
        raise Unavailable(f"{command[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"installing took more than {error.timeout:.0f} s") from error
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no output"])[-1]
        raise Unavailable(f"it could not be installed: {last}") from error
