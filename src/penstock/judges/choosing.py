"""Which traces a request means."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from penstock.errors import FieldError, Invalid, NotFound, TooLarge
from penstock.judges.requests import MAX_LOOKED_AT, MAX_VERDICTS, Sampling, TraceEvaluationRequest
from penstock.storage import trace_evaluations as rows
from penstock.storage.store import Store
from penstock.traces.reading import TraceReader
from penstock.types import Tenant

_BITS = 64


@dataclass(frozen=True, slots=True)
class Chosen:
    """A trace that is to be judged."""

    id: str
    name: str


async def chosen_traces(
    store: Store, reader: TraceReader, tenant: Tenant, request: TraceEvaluationRequest
) -> list[Chosen]:
    """The traces of a request, each once, in the order they were named or in that of the list.

    Raises `NotFound` for a trace that is not there, `Invalid` where there is none, or both or neither of names and
    filter are given, `TooLarge` for more than one execution may judge.
    """
    if bool(request.traces) == (request.filter is not None):
        raise _invalid("traces", "name the traces, or give a filter, and not both")
    if request.filter is None:
        found = await _named(store, tenant, request.traces)
    else:
        found = []
        async for page in reader.every(tenant, request.filter):
            found += [Chosen(trace.id, trace.name) for trace in page]
            if len(found) > MAX_LOOKED_AT:
                raise TooLarge("too_many_traces", f"The filter leads to more than {MAX_LOOKED_AT:,} traces; narrow it.")
    taken = sampled(found, request.sampling)
    if not taken:
        raise _invalid("traces", "no trace is chosen")
    most = MAX_VERDICTS // max(1, len(request.judges))
    if len(taken) > most:
        detail = (
            f"{len(taken):,} traces times {len(request.judges)} judges are more than the {MAX_VERDICTS:,} verdicts of "
            "one execution; take a sample, or narrow the filter."
        )
        raise TooLarge("too_many_verdicts", detail)
    return taken


def sampled(found: Sequence[Chosen], sampling: Sampling) -> list[Chosen]:
    """Those that the sampling takes, in their order. Each trace has a number of its own, as good as drawn at random:
    those below the rate are in, and of these the ones with the smallest."""
    taken: Iterable[Chosen] = found
    if sampling.rate is not None:
        taken = [one for one in found if _draw(one.id, sampling.seed) < sampling.rate * 2**_BITS]
    if sampling.count is not None:
        kept = set(heapq.nsmallest(sampling.count, taken, key=lambda one: _draw(one.id, sampling.seed)))
        taken = [one for one in taken if one in kept]
    return list(taken)


def _draw(trace_id: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed} {trace_id}".encode(), digest_size=_BITS // 8).digest(), "big")


async def _named(store: Store, tenant: Tenant, wanted: Sequence[str]) -> list[Chosen]:
    known = await store.read(rows.traces(tenant, list(dict.fromkeys(wanted))))
    missing = [(number, one) for number, one in enumerate(wanted) if one not in known]
    if missing:
        faults = tuple(FieldError(f"traces[{n}]", f"there is no trace {one!r} in this project") for n, one in missing)
        raise NotFound("trace_unknown", f"{faults[0].path}: {faults[0].message}.", errors=faults[:100])
    return [Chosen(*known[one]) for one in dict.fromkeys(known[one][0] for one in wanted) if one in known]


def _invalid(field: str, message: str) -> Invalid:
    return Invalid("trace_evaluation_invalid", f"{field}: {message}", errors=(FieldError(field, message),))
