"""What becomes of tasks that no UE reported as finished (MODEL: ends of tasks)."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from testbed.model.cuts import closed_ns
from testbed.model.delay import duration_ns
from testbed.model.energy import compute_energy_j, transmit_energy_j
from testbed.model.ledger import Absence as Absence
from testbed.model.ledger import absent
from testbed.model.system import System, Ue
from testbed.model.task import FAILED, UE_DIED, Task
from testbed.protocol.rows import TaskRow, identity


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
    closed = (
        closed_row(system, task, rows.get((system.ues[task.ue].name, task.number)), absences, until_ns, reason)
        for task in workload
    )
    return [row for row in closed if row is not None]


def closed_row(
    system: System,
    task: Task,
    row: TaskRow | None,
    absences: Mapping[str, Sequence[Absence]],
    until_ns: int,
    reason: str,
) -> TaskRow | None:
    """The last row of ``task``, of which ``row`` is what was recorded; None if it has none, see `close_rows`."""
    if row is not None and row.finished_ns >= 0:
        return row
    ue = system.ues[task.ue]
    gaps = absences.get(ue.name, ())
    why = failure_reason(task, gaps, until_ns, reason)
    if not why:
        return None if why is None else row
    deaths = [died for died, _ in gaps if died > task.generated_ns]
    return failed_row(ue, task, row, why, min([until_ns, *deaths]))


def failed_row(ue: Ue, task: Task, row: TaskRow | None, reason: str, at_ns: int) -> TaskRow:
    """The row of a task that failed at ``at_ns``: what was known of its decision, and what its UE spent on it by then.

    Instants that were planned and never came are -1. ``airtime_ns`` and ``local_execution_ns`` are what was done of it
    since its last post, and nothing is executed while the UE stands still; what was spent on earlier ones is in the
    energy of ``row``.
    """
    if row is None:
        return TaskRow(**identity(ue, task), state=FAILED, reason=reason)
    if row.state == FAILED:
        return row
    tx_start, tx_end = _come(row.tx_start_ns, at_ns), _come(row.tx_end_ns, at_ns)
    start, end = _come(row.start_ns, at_ns), _come(row.end_ns, at_ns)
    airtime = (at_ns if tx_end < 0 else tx_end) - tx_start if tx_start >= 0 else 0
    whole = duration_ns(task.cycles, ue.cpu_hz)
    executed = min(whole, at_ns - start - closed_ns(start, at_ns, ue.pauses_ns)) if start >= 0 else 0
    share = executed / whole if executed < whole else 1.0
    energy = row.energy_j + transmit_energy_j(ue.tx_power_w, airtime)
    if start >= 0:
        energy += share * compute_energy_j(ue.kappa, ue.cpu_hz, task.cycles)
    return msgspec.structs.replace(
        row,
        state=FAILED,
        reason=reason,
        tx_start_ns=tx_start,
        tx_end_ns=tx_end,
        start_ns=start,
        end_ns=end,
        reentry_ns=_come(row.reentry_ns, at_ns),
        airtime_ns=airtime,
        local_execution_ns=executed,
        energy_j=energy,
        energy_measured_j=energy,
    )


def _come(planned_ns: int, at_ns: int) -> int:
    """An instant that has come by ``at_ns``; otherwise -1."""
    return planned_ns if planned_ns <= at_ns else -1
