"""A durable workflow of one recorded step behind FastAPI: `dbos_app.py PORT DATABASE_URL`."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from dbos import DBOS, DBOSConfig
from fastapi import FastAPI

app = FastAPI()


@DBOS.step()
async def same(value: dict[str, Any]) -> dict[str, Any]:
    return value


@DBOS.workflow()
async def noop(value: dict[str, Any]) -> dict[str, Any]:
    return await same(value)


@app.post("/noop")
async def call(value: dict[str, Any]) -> dict[str, Any]:
    return await noop(value)


@app.get("/ready")
async def ready() -> dict[str, str]:
    return {"status": "ready"}


def main() -> None:
    port, database = int(sys.argv[1]), sys.argv[2]
    config: DBOSConfig = {
        "name": "noop",
        "system_database_url": database,
        "log_level": "WARNING",
        "run_admin_server": False,
    }
    DBOS(config=config)
    DBOS.launch()
    uvicorn.run(app, port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
