"""Which pairs a request means, and what of each is shown."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec

from penstock.errors import Conflict, FieldError, Invalid, NotFound, StepError, TooLarge
from penstock.evaluations import results
from penstock.evaluations.model import Evaluation
from penstock.executions.model import Status
from penstock.judges.choosing import Chosen, sampled
from penstock.judges.judging import WHOLE_CHARS, TraceSubject, whole_trace
from penstock.judges.pairwise.comparing import Pair
from penstock.judges.pairwise.requests import MAX_PAIRS, PairwiseRequest
from penstock.judges.reading import TraceText
from penstock.storage import evaluations as evaluation_rows
from penstock.storage import trace_evaluations as rows
from penstock.storage.store import Store
from penstock.traces.reading import TraceReader
from penstock.types import Json, Tenant


class PairRef(msgspec.Struct, frozen=True):
    """A pair by what it is made of: ids of traces, or numbers of rows of the two evaluations' results. `id` is the
    same for the same two, so that they are shown in the same order again."""

    id: str
    a: str | int
    b: str | int


@dataclass(frozen=True)
class Pairs:
    """Finds pairs, and reads them."""

    store: Store
    traces: TraceReader

    async def chosen(self, tenant: Tenant, request: PairwiseRequest) -> list[PairRef]:
        """The pairs of a request, each once, in their order.

        Raises `NotFound` for a trace or an evaluation that is not there, `Conflict` for an evaluation that is not over,
        `Invalid` where there is nothing to compare, `TooLarge` for more than one execution may compare.
        """
        if bool(request.traces) == (request.evaluations is not None):
            raise _invalid("traces", "give pairs of traces, or two evaluations, and not both")
        if request.evaluations is None:
            found = await self._of_traces(tenant, request.traces)
        else:
            found = await self._of_evaluations(tenant, request.evaluations)
        by_id = {ref.id: ref for ref in found}
        taken = [by_id[one.id] for one in sampled([Chosen(pair_id, "") for pair_id in by_id], request.sampling)]
        if not taken:
            raise _invalid("sample", "no pair is chosen")
        if len(taken) > MAX_PAIRS:
            raise TooLarge(
                "too_many_pairs",
                f"{len(taken):,} pairs are more than the {MAX_PAIRS:,} of one execution; take a sample.",
            )
        return taken

    async def read(self, tenant: Tenant, ref: PairRef, evaluations: Sequence[str] | None) -> Pair:
        """What is shown of a pair. Raises `StepError` when it is no longer there."""
        if evaluations is None:
            return Pair(ref.id, None, await self._trace(tenant, str(ref.a)), await self._trace(tenant, str(ref.b)))
        asked, a = await self._row(tenant, evaluations[0], int(ref.a))
        _, b = await self._row(tenant, evaluations[1], int(ref.b))
        return Pair(ref.id, asked, a, b)

    async def _of_traces(self, tenant: Tenant, wanted: Sequence[tuple[str, str]]) -> list[PairRef]:
        known = await self.store.read(rows.traces(tenant, list(dict.fromkeys(one for pair in wanted for one in pair))))
        found: list[PairRef] = []
        for number, pair in enumerate(wanted):
            for one in pair:
                if one not in known:
                    fault = FieldError(f"traces[{number}]", f"there is no trace {one!r} in this project")
                    raise NotFound("trace_unknown", f"{fault.path}: {fault.message}.", errors=(fault,))
            a, b = (known[one][0] for one in pair)
            if a == b:
                raise _invalid(f"traces[{number}]", "is one trace twice; a pair has two")
            found.append(PairRef(f"{a} {b}", a, b))
        return found

    async def _of_evaluations(self, tenant: Tenant, wanted: Sequence[str]) -> list[PairRef]:
        a, b = [await self._evaluation(tenant, one) for one in wanted]
        if a.id == b.id:
            raise _invalid("evaluations", "name one evaluation twice; a pair has two")
        others = {key: number async for key, number in self._answers(b)}
        found = [
            PairRef(f"{row_id} {epoch}", number, others[row_id, epoch, asked])
            async for (row_id, epoch, asked), number in self._answers(a)
            if (row_id, epoch, asked) in others
        ]
        if not found:
            raise _invalid("evaluations", "have no row that both have answered, with the same input")
        return found

    async def _answers(self, evaluation: Evaluation) -> AsyncIterator[tuple[tuple[str, int, bytes], int]]:
        """Row id, epoch and input of each row that has an answer, with its number."""
        async for page in results.every(self.store, evaluation):
            for row in page:
                if row.given is not None and row.answer is not None:
                    asked = msgspec.json.encode(row.given.row.input, order="deterministic")
                    epoch = row.number % evaluation.shape.epochs
                    yield (row.given.row.id, epoch, hashlib.blake2b(asked, digest_size=12).digest()), row.number

    async def _evaluation(self, tenant: Tenant, evaluation_id: str) -> Evaluation:
        found = await self.store.read(evaluation_rows.get(tenant, evaluation_id))
        if found is None:
            raise NotFound("evaluation_unknown", f"There is no evaluation {evaluation_id!r} in this project.")
        if not Status(found.status).terminal:
            detail = f"Evaluation {evaluation_id} is {found.status}; compare its answers when it is over."
            raise Conflict("evaluation_not_over", detail)
        return found

    async def _trace(self, tenant: Tenant, trace_id: str) -> str:
        try:
            subject = await whole_trace(self.traces, tenant, trace_id)
        except NotFound as error:
            raise StepError("trace_unknown", "The trace has been deleted since it was to be compared.") from error
        return await asyncio.to_thread(_text, subject)

    async def _row(self, tenant: Tenant, evaluation_id: str, number: int) -> tuple[Json, Json]:
        """Input and answer of a row."""
        found = await self.store.read(evaluation_rows.get(tenant, evaluation_id))
        rows = [] if found is None else await results.with_numbers(self.store, found, [number])
        for row in rows:
            if row.given is not None and row.answer is not None:
                return row.given.row.input, row.answer.output
        raise StepError("evaluation_unknown", "The evaluation has been deleted since its answers were to be compared.")


def _text(subject: TraceSubject) -> str:
    """A trace in half of what a judge is shown at once."""
    text = TraceText(subject.trace, subject.spans)
    whole = text.whole(WHOLE_CHARS // 2)
    return text.abridged(WHOLE_CHARS // 2) if whole is None else whole


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("pairwise_evaluation_invalid", f"{field}: {message}", errors=(FieldError(field, message),))
