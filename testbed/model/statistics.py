"""Statistics of a run, on plain sequences: percentiles, fairness, the backlog-slope test of stability.

Written out, since every run is judged by them, and a base installation has no scipy; tests hold them to scipy's values.
"""

import itertools
import math
from collections.abc import Sequence

WARM_UP = 0.2
STABILITY_BATCHES = 8
SHORTEST_JUDGED = 40
LEAST_GROWTH = 0.01
BACKLOG_SLOTS, BACKLOG_TASKS = 3.0, 4.0
T_QUANTILE = 3.143  # Student's t, 6 degrees of freedom (8 batches, 2 parameters), one-sided 99 %


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; NaN of nothing."""
    return math.fsum(values) / len(values) if values else math.nan


def percentile(values: Sequence[float], percent: float) -> float:
    """The ``percent``-th percentile (0 to 100), linear between order statistics (Hyndman and Fan's type 7).

    NaN of nothing.
    """
    if not values:
        return math.nan
    ranked = sorted(values)
    low, high, share = between_ranks(len(ranked), percent)
    return ranked[low] + (ranked[high] - ranked[low]) * share


def between_ranks(count: int, percent: float) -> tuple[int, int, float]:
    """The two ranks, from 0, between which the percentile of ``count`` values is, and how far it is from the first."""
    place = (count - 1) * percent / 100.0
    low = math.floor(place)
    return low, min(low + 1, count - 1), place - low


def jain(values: Sequence[float]) -> float:
    """Jain's fairness index ``(Σx)²/(n·Σx²)``: 1 when all are equal, 1/n when one has all; 1 for nothing or zeros."""
    squares = math.fsum(value * value for value in values)
    if squares == 0.0:
        return 1.0
    return math.fsum(values) ** 2 / (len(values) * squares)


def batches(slots: int) -> list[tuple[int, int]]:
    """The first boundary of each of 8 batches, counted from 0, and the first one after it."""
    first = int(slots * WARM_UP)
    edges = [first + (slots - first) * i // STABILITY_BATCHES for i in range(STABILITY_BATCHES + 1)]
    return list(itertools.pairwise(edges))


def slope(values: Sequence[float]) -> tuple[float, float]:
    """Least-squares slope of ``values`` over 0, 1, 2, …, and its standard error (at least 3 values)."""
    n = len(values)
    middle, level = (n - 1) / 2.0, mean(values)
    spread = math.fsum((i - middle) ** 2 for i in range(n))
    rise = math.fsum((i - middle) * (value - level) for i, value in enumerate(values)) / spread
    rest = math.fsum((value - level - rise * (i - middle)) ** 2 for i, value in enumerate(values))
    return rise, math.sqrt(rest / (n - 2) / spread)


def stable(backlog: Sequence[int], tasks_per_slot: float) -> bool:
    """The backlog-slope test on the number of tasks in the system at each slot boundary.

    The first fifth is warm-up. The rest is cut into 8 batches, whose means are less correlated than the samples; a line
    is fitted through them. The run is unstable when the line rises significantly (one-sided t-test, 99 %) and by more
    than 1 % of the tasks generated per slot, and when over all batches it rises by a real backlog: more than 4 tasks
    and more than the tasks of 3 slots. A run of fewer than 40 slots is too short to condemn: it counts as stable.
    """
    slots = len(backlog)
    return slots < SHORTEST_JUDGED or _level([mean(backlog[a:b]) for a, b in batches(slots)], slots, tasks_per_slot)


def stable_areas(areas: Sequence[int], slots: int, tasks_per_slot: float) -> bool:
    """`stable`, of a backlog by its sum over the boundaries of each of the `batches`."""
    if slots < SHORTEST_JUDGED:
        return True
    spans = zip(areas, batches(slots), strict=True)
    return _level([area / (end - first) for area, (first, end) in spans], slots, tasks_per_slot)


def _level(levels: Sequence[float], slots: int, tasks_per_slot: float) -> bool:
    """Whether the means ``levels`` of the batches do not rise, by the test of `stable`."""
    rise, error = slope(levels)
    per_slot, grown = rise / ((slots - int(slots * WARM_UP)) / STABILITY_BATCHES), rise * (STABILITY_BATCHES - 1)
    real = grown > max(BACKLOG_TASKS, BACKLOG_SLOTS * tasks_per_slot)
    return not (real and rise > T_QUANTILE * error and per_slot > LEAST_GROWTH * tasks_per_slot)
