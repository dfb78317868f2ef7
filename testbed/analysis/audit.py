"""The ledger of a run whose last rows are columns (pure): counted where all is well, looked into where it is not."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from testbed.model import ledger
from testbed.model.ledger import FINAL, MARKS_OF_A_TASK, Absence, Ledger
from testbed.model.system import System
from testbed.model.task import COMPLETED, FAILED, LATE, LOCAL, OFFLOAD, Task, TaskTable
from testbed.protocol.rows import TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun


def of_run(run: RecordedRun) -> Ledger:
    """The ledger of a run that was read, with rows of tasks that its workload does not have."""
    rows = [*run.tasks, *run.strays] if run.strays else run.tasks
    return audited(rows, run.workload, run.resolved.system, run.absences, run.end_ns)


def audited(
    tasks: Sequence[TaskRow],
    workload: Sequence[Task],
    system: System,
    absences: Mapping[str, Sequence[Absence]],
    end_ns: int,
) -> Ledger:
    """What `ledger.reconcile` finds. Rows that are the workload's, one by one and each with its end, are counted."""
    names = [ue.name for ue in system.ues]
    rows = ColumnTable.of(TaskRow, tasks)
    if any(name in absences for name in names) or not _are_the_workload(rows, workload, names, end_ns):
        return ledger.reconcile(tasks, workload, names, absences, end_ns)
    return counted(rows)


def counted(rows: ColumnTable[TaskRow]) -> Ledger:
    """The ledger of last rows that are a task's each, and have its end."""
    state, choice = rows.labels("state"), rows.values("choice")
    failed = state.are(FAILED)
    marks = {name: _count(rows, name) for name in MARKS_OF_A_TASK}
    local, offloaded = int((choice == LOCAL).sum()), int((choice >= OFFLOAD).sum())
    return Ledger(
        generated=len(rows),
        local=local,
        offloaded=offloaded,
        undecided=len(rows) - local - offloaded,
        completed=int(state.are(COMPLETED).sum()),
        late=int(state.are(LATE).sum()),
        failed=int(failed.sum()),
        reasons=dict(Counter(rows.labels("reason")[failed].tolist())) if failed.any() else {},
        forwarded=marks["forwarded"],
        rejected=marks["rejected"],
        recovered=marks["recovered"],
        fallback=marks["fallback"],
    )


def _are_the_workload(rows: ColumnTable[TaskRow], workload: Sequence[Task], names: Sequence[str], end_ns: int) -> bool:
    """Whether there is one row with an end for each task of ``workload``, in its order, and all were generated."""
    if len(rows) != len(workload):
        return False
    tasks = {name: np.frombuffer(column, np.int64) for name, column in TaskTable.of(workload).columns.items()}
    labels = rows.labels("ue")
    places = {name: place for place, name in enumerate(names)}
    known = np.array([places.get(name, -1) for name in (*labels.names, "")], np.int64)
    return bool(
        (tasks["generated_ns"] <= end_ns).all()
        and np.array_equal(known[labels.codes], tasks["ue"])
        and np.array_equal(rows.ints("number"), tasks["number"])
        and rows.labels("state").are(*FINAL).all()
    )


def _count(rows: ColumnTable[TaskRow], name: str) -> int:
    """How many rows have the mark ``name``."""
    if name == "fallback":
        return len(rows) - int(rows.labels(name).are("").sum())
    return int(rows.flags(name).sum())
