"""When tasks arrive whose density changes over time."""

import math
from collections.abc import Sequence


def stretched(load: float, totals: Sequence[float]) -> float:
    """The instant, in slots, by which a density that repeats has brought ``load`` slots' worth of its unit.

    ``totals[k]`` is what it brings in the first k slots of a round, ``totals[0]`` 0; it is constant within a slot, and
    brings something in a round.
    """
    slots = len(totals) - 1
    rounds = math.floor(load / totals[slots])
    rest = load - rounds * totals[slots]
    low, high = 0, slots
    while high - low > 1:
        middle = (low + high) // 2
        if totals[middle] <= rest:
            low = middle
        else:
            high = middle
    width = totals[low + 1] - totals[low]
    within = (rest - totals[low]) / width if width > 0.0 else 0.0
    return rounds * slots + low + within
