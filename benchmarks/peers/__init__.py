"""Systems that are measured beside Penstock, each set up from its own packages the way its documentation does it."""

from benchmarks.peers.dbos import dbos_on_postgres, dbos_on_sqlite
from benchmarks.peers.endpoint import Endpoint
from benchmarks.peers.restate import restate

PEERS = {"DBOS, SQLite": dbos_on_sqlite, "DBOS, PostgreSQL": dbos_on_postgres, "Restate": restate}

__all__ = ["PEERS", "Endpoint"]
