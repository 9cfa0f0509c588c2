"""Several answers to one row, made into one score. A value above 0.5 is a success."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

SUCCESS = 0.5
_FORM = re.compile(r"(at_least_|pass@|pass\^)([1-9][0-9]{0,3})")


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that at least one of k answers is right, when c of n were: 1 − C(n − c, k) / C(n, k), which is
    unbiased (Chen et al., arXiv 2107.03374, §2.1). Raises ValueError unless 0 ≤ c ≤ n and 1 ≤ k ≤ n."""
    _check(n, c, k)
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float:
    """The chance that all of k answers are right, when c of n were: C(c, k) / C(n, k) (τ-bench, arXiv 2406.12045,
    §3.2). Raises ValueError unless 0 ≤ c ≤ n and 1 ≤ k ≤ n."""
    _check(n, c, k)
    return math.comb(c, k) / math.comb(n, k)


def reducer(name: str) -> Callable[[Sequence[float]], float | None]:
    """What makes one score of the values of a row's epochs: `mean`, `at_least_k` (1 when k succeeded), `pass@k`,
    `pass^k`.

    None where too few epochs have a value: none at all, or fewer than k. Raises ValueError when it is none of them.
    """
    if name == "mean":
        return lambda values: math.fsum(values) / len(values) if values else None
    form = _FORM.fullmatch(name)
    if form is None:
        raise ValueError(f"{name!r} is no way to reduce epochs; take mean, at_least_2, pass@2 or pass^2")
    made, k = _BY_SUCCESSES[form[1]], int(form[2])
    return lambda values: made(len(values), sum(value > SUCCESS for value in values), k) if len(values) >= k else None


def least_epochs(name: str) -> int:
    """How many epochs a reducer needs. Raises ValueError like `reducer`."""
    reducer(name)
    form = _FORM.fullmatch(name)
    return 1 if form is None else int(form[2])


def _at_least(n: int, c: int, k: int) -> float:
    return float(c >= k)


_BY_SUCCESSES: dict[str, Callable[[int, int, int], float]] = {
    "at_least_": _at_least,
    "pass@": pass_at_k,
    "pass^": pass_hat_k,
}


def _check(n: int, c: int, k: int) -> None:
    if not (0 <= c <= n and 1 <= k <= n):
        raise ValueError(f"{c} of {n} right and k = {k} do not go together; 0 ≤ c ≤ n and 1 ≤ k ≤ n")
