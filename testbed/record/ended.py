"""The last rows of a run's tasks: as they were recorded where each has its end, closed where some have not."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from testbed.model.ledger import Absence
from testbed.model.system import System
from testbed.model.task import Task, TaskTable
from testbed.protocol.endings import close_rows
from testbed.protocol.rows import TaskRow, rows_by_task
from testbed.protocol.table import ColumnTable


def last_rows(
    system: System,
    workload: Sequence[Task],
    recorded: Sequence[TaskRow],
    absences: Mapping[str, Sequence[Absence]],
    end_ns: int,
    reason: str,
) -> Sequence[TaskRow]:
    """Every generated task's last row, in the workload's order; see `close_rows`."""
    rows = ColumnTable.of(TaskRow, recorded)
    order = _places(system, workload, rows)
    if order is None:
        return close_rows(system, workload, rows_by_task(recorded), absences, end_ns, reason)
    return rows if np.array_equal(order, np.arange(len(rows))) else rows.take(order)


def strays(system: System, workload: Sequence[Task], recorded: Sequence[TaskRow]) -> Sequence[TaskRow]:
    """Recorded rows of tasks that ``workload`` does not have."""
    if _places(system, workload, ColumnTable.of(TaskRow, recorded)) is not None:
        return ()
    known = {(system.ues[task.ue].name, task.number) for task in workload}
    return [row for row in recorded if (row.ue, row.number) not in known]


def _places(system: System, workload: Sequence[Task], rows: ColumnTable[TaskRow]) -> NDArray[np.int64] | None:
    """Where the row of each task is, if each has one, of a task that ended with a result; otherwise None."""
    if len(rows) != len(workload) or not (rows.ints("finished_ns") >= 0).all():
        return None
    tasks = {name: np.frombuffer(column, np.int64) for name, column in TaskTable.of(workload).columns.items()}
    places = {ue.name: ue.index for ue in system.ues}
    labels = rows.labels("ue")
    ue = np.array([places.get(name, -1) for name in (*labels.names, "")], np.int64)[labels.codes]
    number = rows.ints("number")
    if np.array_equal(ue, tasks["ue"]) and np.array_equal(number, tasks["number"]):
        return np.arange(len(rows))
    here, there = np.lexsort((number, ue)), np.lexsort((tasks["number"], tasks["ue"]))
    same = np.array_equal(ue[here], tasks["ue"][there]) and np.array_equal(number[here], tasks["number"][there])
    if not same:
        return None
    row_places = np.empty(len(rows), np.int64)
    row_places[there] = here
    return row_places
