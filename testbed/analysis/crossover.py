"""Where one curve begins to be above another (pure)."""

import math
from collections.abc import Sequence


def crossing(x: Sequence[float], gain: Sequence[float]) -> float:
    """The ``x`` from which on ``gain`` is above 0, linear between points; ``x`` ascends.

    −∞ if it is above 0 at all points, ∞ if it is not at the last one.
    """
    if not x or not gain[-1] > 0.0:
        return math.inf
    below = [n for n, value in enumerate(gain) if not value > 0.0]
    if not below:
        return -math.inf
    n = below[-1]
    return x[n] + (x[n + 1] - x[n]) * -gain[n] / (gain[n + 1] - gain[n])
