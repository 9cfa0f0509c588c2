"""A test of paired differences that supposes nothing of how they are spread."""

from __future__ import annotations

from collections.abc import Iterable

EXACT = 16
"""Up to so many differences all changes of signs are looked at."""
DRAWS = 20_000
_AT_ONCE = 2_000
_SEED = 20_240_229
_EPSILON = 1e-9


def sign_flips(differences: Iterable[float]) -> float:
    """The two-sided p-value of the hypothesis that each difference might as well be its opposite: the share of all
    changes of signs whose sum is as far from 0 as the one that was seen (Fisher, The Design of Experiments, 1935, §21).

    Of more than `EXACT` differences that are not 0, that share of `DRAWS` random changes (a fixed seed) with the one
    that was seen. It holds its promise at every n, also where most differences are 0 and few are large, as those of
    scales are; of 0/1 scores it is McNemar's exact test.
    """
    import numpy as np

    changed = np.asarray([one for one in differences if one], dtype=np.float64)
    count = len(changed)
    if not count:
        return 1.0
    least = abs(float(changed.sum())) - _EPSILON
    if count <= EXACT:
        bits = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
        return float(np.mean(np.abs((2.0 * bits - 1) @ changed) >= least))
    random = np.random.default_rng(_SEED)
    as_far = 0
    for _ in range(DRAWS // _AT_ONCE):
        signs = 2.0 * random.integers(0, 2, size=(_AT_ONCE, count)) - 1
        as_far += int((np.abs(signs @ changed) >= least).sum())
    return (as_far + 1) / (DRAWS + 1)
