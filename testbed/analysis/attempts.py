"""What a run's options for failures did (pure): attempts, copies, circuits that were broken, and what that cost."""

import math
from collections import Counter

import msgspec
import numpy as np

from testbed.model.delay import S_PER_NS
from testbed.model.energy import compute_energy_j
from testbed.protocol.rows import BREAKER_OPENED, HEDGED, IN_VAIN, RETRIED, TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """``retries`` and ``copies`` that UEs began, and how often a ``breaker_opened``.

    ``cycles_in_vain`` are those of the copies that did not end first, wherever that was. ``energy_in_vain_j`` is what
    UEs spent on tasks beyond the way on which they ended: posts that were rejected or lost, copies, failed tasks.
    """

    retries: int
    copies: int
    breaker_opened: int
    cycles_in_vain: int
    energy_in_vain_j: float


def attempts(run: RecordedRun) -> Attempts | None:
    """The figures of a run; None if its UEs have no options."""
    if not run.resolved.system.resilience.is_used:
        return None
    kinds = Counter(event.kind for event in run.record.events)
    return Attempts(
        retries=kinds[RETRIED],
        copies=kinds[HEDGED],
        breaker_opened=kinds[BREAKER_OPENED],
        cycles_in_vain=sum(int(event.value) for event in run.record.events if event.kind == IN_VAIN),
        energy_in_vain_j=_in_vain_j(run),
    )


def _in_vain_j(run: RecordedRun) -> float:
    rows, ues = ColumnTable.of(TaskRow, run.tasks), {ue.name: ue for ue in run.resolved.system.ues}
    labels = rows.labels("ue")
    power = np.array([ues[name].tx_power_w for name in labels.names])
    a_cycle = np.array([compute_energy_j(ues[name].kappa, ues[name].cpu_hz, 1) for name in labels.names])
    sent = power[labels.codes] * rows.ints("airtime_ns") * S_PER_NS
    executed = a_cycle[labels.codes] * rows.ints("cycles")
    useful = np.where(rows.ints("local_execution_ns") > 0, executed, sent)
    useful[rows.ints("finished_ns") < 0] = 0.0
    return math.fsum(np.maximum(0.0, rows.reals("energy_j") - useful).tolist())
