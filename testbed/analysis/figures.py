"""Figures of finished tasks from columns (pure): the same sums, rounded exactly, whatever the order of the rows."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from testbed.analysis.parts import PARTS
from testbed.model import statistics
from testbed.model.delay import S_PER_NS
from testbed.model.system import System
from testbed.model.task import INTERRUPTED
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable


def finished(rows: ColumnTable[TaskRow]) -> ColumnTable[TaskRow]:
    """The tasks that ended with a result."""
    done = rows.ints("finished_ns") >= 0
    return rows if done.all() else rows.take(done)


def total(values: NDArray[np.float64]) -> float:
    """The exactly rounded sum."""
    return math.fsum(values.tolist())


def mean(values: NDArray[np.float64]) -> float:
    """The arithmetic mean; NaN of nothing."""
    return statistics.mean(values.tolist())


def seconds(ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Nanoseconds in seconds."""
    return np.multiply(ns, S_PER_NS, dtype=np.float64)


def mean_seconds(rows: ColumnTable[TaskRow], name: str) -> float:
    """The mean of a column of nanoseconds, in seconds; NaN of nothing."""
    return mean_of_seconds(rows.ints(name))


def mean_of_seconds(ns: NDArray[np.int64]) -> float:
    """The mean of nanoseconds, in seconds; NaN of nothing."""
    return total(seconds(ns[ns != 0])) / len(ns) if len(ns) else math.nan


def percentiles(values: NDArray[np.float64], *percents: float) -> list[float]:
    """The percentiles of ``values``, which are sorted once."""
    ranked = np.sort(values).tolist()
    return [statistics.percentile(ranked, percent) for percent in percents]


def by_ue(rows: ColumnTable[TaskRow], name: str) -> Iterator[NDArray[np.int64]]:
    """The values of a column of whole numbers, UE by UE, of those that have any."""
    codes = rows.labels("ue").codes
    order = np.argsort(codes, kind="stable")
    ends = np.flatnonzero(np.diff(codes[order])) + 1
    yield from np.split(rows.ints(name)[order], ends) if len(rows) else ()


def fairness(done: ColumnTable[TaskRow]) -> float:
    """Jain's index over UEs' mean delays."""
    return statistics.jain([mean(seconds(delays)) for delays in by_ue(done, "measured_ns")])


def where_time_went(done: ColumnTable[TaskRow]) -> dict[str, float]:
    """Mean seconds that a finished task spent in each part of its delay; the parts sum to the mean delay."""
    return {part: mean_seconds(done, f"{part}_ns") for part in PARTS}


def is_stable(rows: ColumnTable[TaskRow], system: System) -> bool:
    """The backlog-slope test on tasks in the system; a failed task leaves it never."""
    begun, measured = rows.ints("generated_ns"), rows.ints("measured_ns")
    known = (measured >= 0) | ~rows.labels("reason").are(INTERRUPTED)
    ended = np.where(measured >= 0, begun + measured, -1)
    return stable_spans(begun[known], ended[known], system, len(rows))


def stable_spans(begun_ns: NDArray[np.int64], ended_ns: NDArray[np.int64], system: System, count: int) -> bool:
    """`statistics.stable_changes` of tasks in the system between these instants (-1: for ever), of ``count`` tasks."""
    changes = changes_in_system(begun_ns, ended_ns, system.slot_ns, system.slots)
    return statistics.stable_changes(changes, system.slots, count / system.slots)


def changes_in_system(
    begun_ns: NDArray[np.int64], ended_ns: NDArray[np.int64], slot_ns: int, slots: int
) -> dict[int, int]:
    """By how much the number of tasks in the system just before slot boundary kΔ, k = 1..``slots``, differs from the
    one before it, for each k where it does.

    A task counts at the boundaries in (begun, ended); ended is -1 for one that never did.
    """
    first = begun_ns // slot_ns + 1
    last = np.minimum(np.where(ended_ns < 0, slots, -(-ended_ns // slot_ns) - 1), slots)
    counted = first <= last
    came, left = first[counted], last[counted] + 1
    if slots < len(begun_ns):
        places = np.arange(slots + 2)
        change = np.bincount(came, minlength=slots + 2) - np.bincount(left, minlength=slots + 2)
    else:
        places, at = np.unique(np.concatenate([came, left]), return_inverse=True)
        change = np.bincount(at, np.repeat([1, -1], len(came)), len(places)).astype(np.int64)
    kept = (change != 0) & (places <= slots)
    return dict(zip(places[kept].tolist(), change[kept].tolist(), strict=True))
