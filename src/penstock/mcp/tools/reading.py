"""The tool that reads what came of something, row by row."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from penstock import AsyncPenstock
from penstock.client.evaluation_objects import EvaluationRow, RowScore
from penstock.client.judge_objects import TraceEvaluation
from penstock.client.objects import ErrorObject, Item, Page
from penstock.mcp.bounds import ANSWER_CHARS, preview, whole_or_cut
from penstock.mcp.results import Listed, Material, rows_of
from penstock.mcp.toolbox import READS, Cursor, Id, Toolbox

_EXECUTION = "exec_"
_TRACE_EVALUATION = "trace_evaluation"
_VALUES_IN_A_ROW = 4
Rows = Annotated[int, Field(ge=1, le=20, description="At most so many rows; the fewer, the more of each is shown.")]
Status = Literal["pending", "running", "succeeded", "failed", "skipped", "cancelled"]
Outcome = Literal["correct", "incorrect", "pass", "fail", "unscorable", "error"]


class ResultRow(BaseModel):
    """One item of an execution, one row of an evaluation, or one verdict of a judge."""

    row: str = Field(description="Which one: its place, or the trace that was judged.")
    status: str
    input: Any = None
    output: Any = None
    expected: Any = Field(default=None, description="The truth of a benchmark's row.")
    score: float | None = None
    passed: bool | None = None
    why: str | None = Field(default=None, description="A judge's or scorer's reason, or the error.")

    @classmethod
    def of(cls, one: Item | EvaluationRow | TraceEvaluation, most: int) -> ResultRow:
        """A row of any of the three kinds, with so many characters of each value."""
        if isinstance(one, TraceEvaluation):
            return cls(row=one.trace_id, status=one.status, score=one.score, passed=one.passed, why=_why(one.reasoning))
        shown = {"status": one.status, "input": whole_or_cut(one.input, most), "output": whole_or_cut(one.output, most)}
        if isinstance(one, Item):
            return cls(row=one.path, why=_fault(one.error), **shown)
        score = next(iter(one.scores.values()), None)
        return cls(
            row=one.row_id or str(one.number),
            expected=whole_or_cut(one.truth, most),
            score=None if score is None else score.value,
            why=_fault(one.error) or (None if score is None else _said(score)),
            **shown,
        )


class ResultList(Listed, Material):
    """A page of results."""

    of: str = Field(description="execution, evaluation or judges: whose rows these are.")
    rows: list[ResultRow]


class ReadingTools:
    """Tools over one client."""

    def __init__(self, client: AsyncPenstock) -> None:
        self._client = client

    def give(self, box: Toolbox) -> None:
        """Put them into the box."""
        box.add(READS, self.read_results)

    async def read_results(
        self,
        some_id: Annotated[Id, Field(description="An execution's id (exec_…), or an evaluation's.")],
        status: Annotated[Status | None, Field(description="Only rows of this status; not for judges.")] = None,
        outcome: Annotated[Outcome | None, Field(description="Only these; for evaluations and judges.")] = None,
        cursor: Cursor = None,
        limit: Rows = 10,
    ) -> ResultList:
        """Read results row by row: of an execution its items, of an evaluation its rows, of judges their verdicts."""
        whose, page = await self._page(some_id, {"status": status, "outcome": outcome}, cursor, limit)
        most = ANSWER_CHARS // (_VALUES_IN_A_ROW * limit)
        return ResultList(of=whose, **rows_of(page, partial(ResultRow.of, most=most)))

    async def _page(self, some_id: str, wanted: Any, cursor: str | None, limit: int) -> tuple[str, Page]:
        if not some_id.startswith(_EXECUTION):
            return "evaluation", await self._client.evaluations.rows(some_id, **wanted).page(cursor, limit)
        handle = await self._client.executions.get(some_id)
        if handle.progress.kind == _TRACE_EVALUATION:
            verdicts = self._client.trace_evaluations.list(execution=some_id, outcome=wanted["outcome"])
            return "judges", await verdicts.page(cursor, limit)
        return "execution", await handle.items(wanted["status"]).page(cursor, limit)


def _fault(error: ErrorObject | None) -> str | None:
    return None if error is None else _why(f"{error.code}: {error.message}")


def _said(score: RowScore) -> str | None:
    return _why(score.reason or score.explanation)


def _why(text: str | None) -> str | None:
    return preview(text, 500)
