"""Local search over the decisions of one slot, judged by what they cost on the same sampled futures."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

NO_UE = -1
PAIRS_AT_ONCE = 8
Moves = NDArray[np.int64]
Attempt = Callable[[Moves], NDArray[np.float64]]


def improve(free: Sequence[int], attempt: Attempt, may_try: Callable[[], bool]) -> None:
    """Flip the decisions of one or two of the ``free`` UEs at once, until nothing pays or it ``may_try`` no more.

    ``attempt`` makes those of some moves (K, 2) that pay, and tells by how much each would have changed the costs.
    """
    loss = dict.fromkeys(free, 0.0)
    attempt(np.full((1, 2), NO_UE, np.int64))
    improved = bool(free)
    while improved and may_try():
        while improved and may_try():
            singles = np.array([(ue, NO_UE) for ue in free], np.int64)
            changes = attempt(singles)
            improved = bool((changes < 0.0).any())
            loss = {ue: abs(float(change)) for ue, change in zip(free, changes, strict=True)}
        for moves in _pairs(free, loss):
            if not may_try():
                return
            improved |= bool((attempt(moves) < 0.0).any())


def _pairs(free: Sequence[int], loss: dict[int, float]) -> Iterator[Moves]:
    """Any two UEs, those first that would lose least alone, a few at once."""
    pairs = sorted(combinations(free, 2), key=lambda pair: loss[pair[0]] + loss[pair[1]])
    for first in range(0, len(pairs), PAIRS_AT_ONCE):
        yield np.array(pairs[first : first + PAIRS_AT_ONCE], np.int64)
