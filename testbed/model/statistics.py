"""Statistics of a run, on plain sequences: percentiles, fairness, the backlog-slope test of stability."""

import itertools
import math
from collections.abc import Iterable, Sequence

WARM_UP = 0.2
STABILITY_BATCHES = 8
SHORTEST = 40
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
    place = (len(ranked) - 1) * percent / 100.0
    low = math.floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (ranked[high] - ranked[low]) * (place - low)


def jain(values: Sequence[float]) -> float:
    """Jain's fairness index ``(Σx)²/(n·Σx²)``: 1 when all are equal, 1/n when one has all; 1 for nothing or zeros."""
    squares = math.fsum(value * value for value in values)
    if squares == 0.0:
        return 1.0
    return math.fsum(values) ** 2 / (len(values) * squares)


def in_system(spans: Iterable[tuple[int, int]], slot_ns: int, slots: int) -> list[int]:
    """Tasks in the system just before each slot boundary kΔ, k = 1..``slots``.

    A span is (generated_ns, finished_ns), finished -1 for a task that never did. A task counts at the boundaries in
    (generated, finished).
    """
    change = [0] * (slots + 2)
    for begun, ended in spans:
        first = begun // slot_ns + 1
        last = slots if ended < 0 else -(-ended // slot_ns) - 1
        if first <= min(last, slots):
            change[first] += 1
            change[min(last, slots) + 1] -= 1
    counts, present = [], 0
    for k in range(1, slots + 1):
        present += change[k]
        counts.append(present)
    return counts


def slope(values: Sequence[float]) -> tuple[float, float]:
    """Least-squares slope of ``values`` over 0, 1, 2, …, and its standard error (at least 3 values)."""
    n = len(values)
    middle, level = (n - 1) / 2.0, mean(values)
    spread = math.fsum((i - middle) ** 2 for i in range(n))
    rise = math.fsum((i - middle) * (value - level) for i, value in enumerate(values)) / spread
    rest = math.fsum((value - level - rise * (i - middle)) ** 2 for i, value in enumerate(values))
    return rise, math.sqrt(rest / (n - 2) / spread)


def stable(backlog: Sequence[int], tasks_per_slot: float) -> bool:
    """The backlog-slope test on the number of tasks in the system at slot boundaries (`in_system`).

    The first fifth is warm-up. The rest is cut into 8 batches, whose means are less correlated than the samples; a line
    is fitted through them. The run is unstable when the line rises significantly (one-sided t-test, 99 %) and by more
    than 1 % of the tasks generated per slot, and when over all batches it rises by a real backlog: more than 4 tasks
    and more than the tasks of 3 slots. A run of fewer than 40 slots is too short to condemn: it counts as stable.
    """
    if len(backlog) < SHORTEST:
        return True
    kept = backlog[int(len(backlog) * WARM_UP) :]
    edges = [len(kept) * i // STABILITY_BATCHES for i in range(STABILITY_BATCHES + 1)]
    batches = [mean(kept[a:b]) for a, b in itertools.pairwise(edges)]
    rise, error = slope(batches)
    per_slot, grown = rise / (len(kept) / STABILITY_BATCHES), rise * (STABILITY_BATCHES - 1)
    real = grown > max(BACKLOG_TASKS, BACKLOG_SLOTS * tasks_per_slot)
    return not (real and rise > T_QUANTILE * error and per_slot > LEAST_GROWTH * tasks_per_slot)
