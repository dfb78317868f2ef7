"""Tasks of a workload that is not in memory, by UE: sorted out in a temporary file, from which each UE's are read."""

import os
import tempfile
from collections.abc import Sequence
from functools import partial
from typing import IO

import numpy as np

from testbed.model.task import TASK_COLUMNS, PartedTasks, Task, TasksInTurn
from testbed.scenario import workload as tables
from testbed.scenario.decimals import Ints
from testbed.trace.spool import no_room

_TASK_BYTES = 8 * len(TASK_COLUMNS)


def by_ue(tasks: PartedTasks, ues: int) -> list[TasksInTurn]:
    """The tasks of each of ``ues`` UEs, by its index. Their file is gone when nobody needs it any more.

    Raises `StartError` where there is no room for it.
    """
    counts = np.zeros(ues, np.int64)
    for part in tasks.parts():
        counts += np.bincount(tables.columns_of(part)["ue"], minlength=ues)
    begins = np.cumsum(counts) - counts
    try:
        file = tempfile.TemporaryFile(prefix="testbed-", buffering=0)  # noqa: SIM115 - closed with the last reader
        _sort_out(tasks, file, begins.copy())
    except OSError as error:
        raise no_room(error) from None
    places = zip(begins.tolist(), counts.tolist(), strict=True)
    return [TasksInTurn(count, partial(_read, file, begin)) for begin, count in places]


def _sort_out(tasks: PartedTasks, file: IO[bytes], ends: Ints) -> None:
    """Write the tasks of each UE one after another, from its one of ``ends`` on, which grow."""
    for part in tasks.parts():
        columns = tables.columns_of(part)
        rows = np.stack([columns[name] for name in TASK_COLUMNS], axis=1)
        order = np.argsort(columns["ue"], kind="stable")
        there, begins, counts = np.unique(columns["ue"][order], return_index=True, return_counts=True)
        for ue, begin, count in zip(there.tolist(), begins.tolist(), counts.tolist(), strict=True):
            left, at = memoryview(rows[order[begin : begin + count]].tobytes()), int(ends[ue]) * _TASK_BYTES
            while left:
                done = os.pwrite(file.fileno(), left, at)
                left, at = left[done:], at + done
            ends[ue] += count


def _read(file: IO[bytes], begin: int, first: int, end: int) -> Sequence[Task]:
    """The tasks from place ``first`` up to ``end`` of those that begin at ``begin``."""
    data = os.pread(file.fileno(), (end - first) * _TASK_BYTES, (begin + first) * _TASK_BYTES)
    rows = np.frombuffer(data, np.int64).reshape(-1, len(TASK_COLUMNS))
    return list(tables.table_of(dict(zip(TASK_COLUMNS, rows.T, strict=True))))
