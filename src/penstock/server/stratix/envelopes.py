"""How answers are wrapped. Each route of that protocol has its own envelope, and its client reads no other.

`wrapped` is what most routes answer: the client unwraps it where both members are there, or takes `data`. `bare` is
for the routes whose client reads members at the top level: evaluations, results, the public catalog, a project that
was changed. A list is never the whole of an answer, and no answer is empty: the client would fail on both.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from penstock.server.answers import answer


def wrapped(data: Any) -> Response:
    """`{"status": "success", "data": …}`"""
    return answer({"status": "success", "data": data})


def bare(body: Any) -> Response:
    """The members of an object at the top level."""
    return answer(body)
