"""Makes the blocking client in `penstock/client/_sync` from the asyncio one in `_async`.

    python scripts/unasync.py           write the files
    python scripts/unasync.py --check   only say whether they are up to date (exit 1 when not)

Each name loses its `Async`, each `async` and `await` goes, and ruff formats what is left. `runtime.py` is written by
hand on both sides: it is what the two clients wait with.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CLIENT = Path(__file__).resolve().parents[1] / "src" / "penstock" / "client"
BY_HAND = {"runtime.py"}
NOTE = "# Made from ../_async by scripts/unasync.py: change it there.\n"

RULES = [
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\basynccontextmanager\b", "contextmanager"),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    (r"\baclose\b", "close"),
    (r"\baclosing\b", "closing"),
    (r"\baread\b", "read"),
    (r"\baiter_bytes\b", "iter_bytes"),
    (r"\bfor (\w+) in (response\.iter_bytes\(\)|page\.data\[:left\]):\s+yield \1\b", r"yield from \2"),
    (r"\b_async\b", "_sync"),
    (r'The asyncio client\.[^"]*', "The blocking client."),
]


def blocking(source: str, path: Path) -> str:
    """The blocking form of an asyncio source, formatted."""
    for pattern, replacement in RULES:
        source = re.sub(pattern, replacement, source)
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--select", "I", "--fix", "--exit-zero", "--quiet"], ["format", "--quiet"]):
        done = subprocess.run(  # noqa: S603 - our own command
            [*ruff, *command, "--stdin-filename", str(path), "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
        )
        source = done.stdout
    return NOTE + source


def main() -> int:
    """Write what differs; with `--check`, only name it."""
    stale = []
    for source in sorted((CLIENT / "_async").glob("*.py")):
        if source.name in BY_HAND:
            continue
        target = CLIENT / "_sync" / source.name
        wanted = blocking(source.read_text(), target)
        if not target.exists() or target.read_text() != wanted:
            stale.append(target.name)
            if "--check" not in sys.argv:
                target.write_text(wanted)
    if "--check" in sys.argv and stale:
        print(f"not up to date: {', '.join(stale)}; run python scripts/unasync.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
