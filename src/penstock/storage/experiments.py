"""Experiments: executions that run several evaluations. Their rows are those of `storage.evaluations`."""

from __future__ import annotations

from penstock.evaluations.model import Evaluation
from penstock.storage import evaluations
from penstock.storage.store import Transaction
from penstock.types import Tenant

# The first of an execution's evaluations that has another one before it: each experiment has one such, and nothing else
# has any. The index evaluations_of_experiments holds just these candidates.
_PAGE = """
select v.id from evaluations v
where v.project_id = $1 and v.variant > 0 and v.id < $2
  and exists (select 1 from executions x where x.id = v.execution_id and x.project_id = v.project_id)
  and not exists (select 1 from evaluations w where w.execution_id = v.execution_id
                  and w.variant > 0 and w.variant < v.variant)
order by v.id desc limit $3
"""


def page(tenant: Tenant, before: str, limit: int) -> Transaction[list[Evaluation]]:
    """One evaluation of each experiment, the newest experiments first, from before an evaluation's id."""
    rows = yield _PAGE, tenant.project_id, before, limit
    found = []
    for row in rows:
        evaluation = yield from evaluations.get(tenant, row["id"])
        if evaluation is not None:
            found.append(evaluation)
    return found
