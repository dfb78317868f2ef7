"""What becomes of tasks that no UE reported as finished (MODEL: ends of tasks)."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from testbed.model.ledger import Absence as Absence
from testbed.model.ledger import absent
from testbed.model.system import System
from testbed.model.task import FAILED, UE_DIED, Task
from testbed.protocol.rows import TaskRow


def failure_reason(task: Task, absences: Sequence[Absence], until_ns: int, reason: str) -> str | None:
    """Why an unfinished task failed, or None if it was never generated.

    A task is generated when its UE is alive at that instant and the run lasted that long (``until_ns``, inclusive). It
    failed with its UE if that died later, otherwise for the run's own ``reason`` ("" if the run knows none).
    """
    if task.generated_ns > until_ns or absent(task.generated_ns, absences):
        return None
    if any(died > task.generated_ns for died, _ in absences):
        return UE_DIED
    return reason


def close_rows(
    system: System,
    workload: Iterable[Task],
    rows: Mapping[tuple[str, int], TaskRow],
    absences: Mapping[str, Sequence[Absence]],
    until_ns: int,
    reason: str,
) -> list[TaskRow]:
    """Every generated task's last row: finished ones as they are, the others failed.

    With ``reason`` "" an unfinished task of a living UE keeps its unfinished row (or none): it is unaccounted for, and
    the ledger will say so.
    """
    closed = []
    for task in workload:
        ue = system.ues[task.ue]
        row = rows.get((ue.name, task.number))
        if row is None or row.finished_ns < 0:
            why = failure_reason(task, absences.get(ue.name, ()), until_ns, reason)
            if why is None:
                continue
            if why:
                row = failed_row(ue.name, ue.cell, task, row, why)
        if row is not None:
            closed.append(row)
    return closed


def failed_row(name: str, cell: int, task: Task, row: TaskRow | None, reason: str) -> TaskRow:
    """The row of a task that failed, keeping what was known of its decision."""
    if row is not None:
        return msgspec.structs.replace(row, state=FAILED, reason=reason)
    return TaskRow(
        name, task.number, cell + 1, task.generated_ns, task.input_bits, task.cycles, task.deadline_ns, FAILED, reason
    )
