"""Figures of finished tasks from columns (pure): the same sums, rounded exactly, whatever the order of the rows."""

import numpy as np
from numpy.typing import NDArray

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


def mean(values: NDArray[np.float64]) -> float:
    """The arithmetic mean; NaN of nothing."""
    return statistics.mean(values.tolist())


def seconds(ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Nanoseconds in seconds."""
    return np.multiply(ns, S_PER_NS, dtype=np.float64)


def percentiles(values: NDArray[np.float64], *percents: float) -> list[float]:
    """The percentiles of ``values``, which are sorted once."""
    ranked = np.sort(values).tolist()
    return [statistics.percentile(ranked, percent) for percent in percents]


def is_stable(rows: ColumnTable[TaskRow], system: System) -> bool:
    """The backlog-slope test on tasks in the system; a failed task leaves it never."""
    begun, measured = rows.ints("generated_ns"), rows.ints("measured_ns")
    known = (measured >= 0) | ~rows.labels("reason").are(INTERRUPTED)
    ended = np.where(measured >= 0, begun + measured, -1)
    return stable_spans(begun[known], ended[known], system, len(rows))


def stable_spans(begun_ns: NDArray[np.int64], ended_ns: NDArray[np.int64], system: System, count: int) -> bool:
    """`statistics.stable_areas` of tasks in the system between these instants (-1: for ever), of ``count`` tasks."""
    areas = backlog_areas(begun_ns, ended_ns, system.slot_ns, system.slots)
    return statistics.stable_areas(areas, system.slots, count / system.slots)


def backlog_areas(begun_ns: NDArray[np.int64], ended_ns: NDArray[np.int64], slot_ns: int, slots: int) -> list[int]:
    """The number of tasks in the system just before a slot boundary, summed over those of each of
    `statistics.batches`, however long the run.

    A task counts at the boundaries kΔ, k = 1..``slots``, in (begun, ended); ended is -1 for one that never did.
    """
    first = begun_ns // slot_ns + 1
    last = np.minimum(np.where(ended_ns < 0, slots, -(-ended_ns // slot_ns) - 1), slots)
    counted = first <= last
    came, left = first[counted], last[counted] + 1
    return [_seen(came, *batch) - _seen(left, *batch) for batch in statistics.batches(slots)]


def _seen(changed: NDArray[np.int64], begin: int, end: int) -> int:
    """How many of the boundaries ``begin`` to ``end``, counted from 0, see each change, one at boundary k, summed."""
    return int(np.maximum(0, end - np.maximum(begin, changed - 1)).sum())
