"""Local search over the decisions of one slot, judged by what they cost on the same sampled futures."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

NO_UE = -1
NO_MOVE = (NO_UE, 0)
MOVES_AT_ONCE = 8
Moves = NDArray[np.int64]
Move = tuple[int, int]
Attempt = Callable[[Moves], NDArray[np.float64]]


def improve(free: Sequence[int], attempt: Attempt, may_try: Callable[[], bool], actions: int = 2) -> None:
    """Change the decisions of one or two of the ``free`` UEs at once, until nothing pays or it ``may_try`` no more.

    ``attempt`` makes those of some moves that pay, and tells by how much each would have changed the costs. A move (4,)
    is a UE and how many ``actions`` further, around, its decision goes, twice; with two actions that is to flip it.
    """
    singles = [(ue, further) for ue in free for further in range(1, actions)]
    changes = np.zeros(len(singles))
    attempt(_moves([(NO_MOVE, NO_MOVE)]))
    improved = bool(free)
    while improved and may_try():
        while improved and may_try():
            for first in range(0, len(singles), MOVES_AT_ONCE):
                if not may_try():
                    return
                block = slice(first, first + MOVES_AT_ONCE)
                changes[block] = attempt(_moves([(single, NO_MOVE) for single in singles[block]]))
            improved = bool((changes < 0.0).any())
        for moves in _pairs(_mildest(singles, changes)):
            if not may_try():
                return
            improved |= bool((attempt(moves) < 0.0).any())


def _mildest(singles: Sequence[Move], changes: NDArray[np.float64]) -> list[tuple[float, Move]]:
    """Of each UE's own moves the one that would change the costs least, with that loss; UEs in their order."""
    best: dict[int, tuple[float, Move]] = {}
    for single, change in zip(singles, changes, strict=True):
        loss = abs(float(change))
        if single[0] not in best or loss < best[single[0]][0]:
            best[single[0]] = loss, single
    return list(best.values())


def _pairs(moves: Sequence[tuple[float, Move]]) -> Iterator[Moves]:
    """The moves of any two UEs together, those first that would lose least alone, a few at once."""
    pairs = sorted(combinations(moves, 2), key=lambda pair: pair[0][0] + pair[1][0])
    for first in range(0, len(pairs), MOVES_AT_ONCE):
        yield _moves([(one, other) for (_, one), (_, other) in pairs[first : first + MOVES_AT_ONCE]])


def _moves(pairs: Sequence[tuple[Move, Move]]) -> Moves:
    return np.array(pairs, np.int64).reshape(len(pairs), 4)
