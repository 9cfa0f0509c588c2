"""Scores as numbers to reckon with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector: TypeAlias = NDArray[np.float64]
    Counts: TypeAlias = NDArray[np.intp]


def vector(values: Sequence[float]) -> Vector:
    """As an array of 64-bit numbers. Raises ValueError when one is not finite, or is no number."""
    import numpy as np

    numbers = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(numbers)
    if not finite.all():
        place = int(np.argmin(finite))
        raise ValueError(f"value {place} is {values[place]!r}; leave out what has no score instead of counting it")
    return numbers


def is_binary(numbers: Vector) -> bool:
    """Whether every value is 0 or 1."""
    return bool(((numbers == 0) | (numbers == 1)).all())


def is_share(numbers: Vector) -> bool:
    """Whether every value lies from 0 to 1."""
    return bool((numbers >= 0).all() and (numbers <= 1).all())


def without_rounding(variance: float, numbers: Vector) -> float:
    """The variance of numbers, 0 where it is no more than what rounding leaves of equal ones."""
    import numpy as np

    return variance if variance > (1e-13 * float(np.abs(numbers).max())) ** 2 else 0.0


def cluster_numbers(clusters: Sequence[str | None] | None, n: int) -> Counts | None:
    """For each row the number of its cluster, from 0 without gaps; a row without a cluster is one of its own.

    None when there is no cluster with more than one row. Raises ValueError when there are not `n` entries.
    """
    import numpy as np

    if clusters is None:
        return None
    if len(clusters) != n:
        raise ValueError(f"there are {n} values but {len(clusters)} clusters; give one (or None) for each value")
    known: dict[str | int, int] = {}
    numbers = [known.setdefault(index if name is None else name, len(known)) for index, name in enumerate(clusters)]
    return None if len(known) == n else np.asarray(numbers, dtype=np.intp)


def check_level(level: float) -> None:
    """Raises ValueError unless it is a level of confidence."""
    if not 0 < level < 1:
        raise ValueError(f"the level is {level!r}; it has to lie between 0 and 1, like 0.95")
