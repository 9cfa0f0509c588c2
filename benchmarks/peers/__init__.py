"""Systems that are measured beside Penstock, each set up from its own packages the way its documentation does it."""

from benchmarks.peers.dbos import dbos_on_postgres, dbos_on_sqlite
from benchmarks.peers.deepeval import deepeval
from benchmarks.peers.endpoint import Endpoint
from benchmarks.peers.evaluator import Evaluator, Turn
from benchmarks.peers.inspect_ai import inspect_ai
from benchmarks.peers.lm_eval import lm_eval
from benchmarks.peers.promptfoo import promptfoo
from benchmarks.peers.restate import restate

PEERS = {"DBOS, SQLite": dbos_on_sqlite, "DBOS, PostgreSQL": dbos_on_postgres, "Restate": restate}
EVALUATORS = {"Inspect AI": inspect_ai, "promptfoo": promptfoo, "DeepEval": deepeval, "lm-eval": lm_eval}

__all__ = ["EVALUATORS", "PEERS", "Endpoint", "Evaluator", "Turn"]
