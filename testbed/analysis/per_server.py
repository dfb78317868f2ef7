"""What each edge server did in a run (pure)."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from testbed.analysis.figures import mean_of_seconds
from testbed.model.delay import S_PER_NS
from testbed.model.energy import compute_energy_j
from testbed.model.ledger import Absence, absent
from testbed.model.system import Es
from testbed.protocol.rows import SlotRow, TaskRow
from testbed.protocol.table import ColumnTable
from testbed.record.reader import RecordedRun


class EsSummary(msgspec.Struct, frozen=True, kw_only=True):
    """One ES. ``utilisation`` is busy core time over the slots of generation; ``idle_while_other_over_threshold`` the
    share of slot boundaries at which it had no work while another's expected wait exceeded the threshold.

    ``energy_j`` is of all that it executed, plus idle power while it lived; waits are seconds. Executions that came to
    nothing count up to the last slot boundary that the ES saw.
    """

    utilisation: float
    idle_while_other_over_threshold: float
    energy_j: float
    executed: int
    forwarded_in: int
    forwarded_out: int
    rejected: int
    mean_wait_s: float
    max_waiting: int


def summarise(run: RecordedRun) -> dict[str, EsSummary]:
    """Every ES's summary, by name."""
    slots, tasks = ColumnTable.of(SlotRow, run.record.slots), ColumnTable.of(TaskRow, run.tasks)
    return {es.name: _one(run, es, slots, tasks) for es in run.resolved.system.edge_servers}


def _one(run: RecordedRun, es: Es, slots: ColumnTable[SlotRow], tasks: ColumnTable[TaskRow]) -> EsSummary:
    system, gaps = run.resolved.system, run.absences.get(es.name, ())
    span_ns = min(system.end_ns, run.end_ns)
    of_this_es, in_time = slots.labels("es").are(es.name), slots.ints("at_ns") <= system.end_ns
    recorded = slots.take(of_this_es)
    counted = slots.take(of_this_es & in_time)
    over = np.unique(slots.ints("slot")[slots.flags("over_threshold") & in_time & ~of_this_es])
    idle = np.setdiff1d(over, counted.ints("slot")[counted.ints("backlog_ns") != 0]).tolist()
    seen = boundaries_seen(gaps, span_ns, system.slot_ns)
    there = tasks.labels("es").are(es.name)
    here = there & (tasks.ints("execution_ns") > 0)
    forwarded, own = tasks.flags("forwarded"), tasks.values("cell") == es.index + 1
    energy = sum(compute_energy_j(es.kappa, es.cpu_hz, cycles) for cycles in tasks.ints("cycles")[here].tolist())
    in_vain = in_vain_ns(recorded, tasks.ints("start_ns")[here], tasks.ints("end_ns")[here])
    energy += compute_energy_j(es.kappa, es.cpu_hz, 1) * es.cpu_hz * in_vain * S_PER_NS
    return EsSummary(
        utilisation=int(counted.ints("busy_ns").sum()) / (es.cores * span_ns) if span_ns > 0 else 0.0,
        idle_while_other_over_threshold=sum(not absent(slot * system.slot_ns, gaps) for slot in idle) / seen
        if seen
        else 0.0,
        energy_j=energy + es.idle_power_w * lived_ns(run, es) * S_PER_NS,
        executed=int(here.sum()),
        forwarded_in=int((here & forwarded & ~own).sum()),
        forwarded_out=int((forwarded & own).sum()),
        rejected=int((tasks.flags("rejected") & there).sum()),
        mean_wait_s=mean_of_seconds(tasks.ints("es_wait_ns")[here]) if here.any() else 0.0,
        max_waiting=int(counted.ints("waiting").max(initial=0)),
    )


def in_vain_ns(slots: ColumnTable[SlotRow], start_ns: NDArray[np.int64], end_ns: NDArray[np.int64]) -> int:
    """Core time that an ES with these ``slots`` spent on other tasks than those that it executed to their end, from
    ``start_ns`` to ``end_ns``: its own death, their UE's, or the end of the run came before; up to the last slot
    boundary that it saw."""
    seen_ns = int(slots.ints("at_ns").max(initial=0))
    useful = np.minimum(end_ns, seen_ns) - start_ns
    return max(0, int(slots.ints("busy_ns").sum()) - int(np.maximum(0, useful).sum()))


def boundaries_seen(gaps: Sequence[Absence], span_ns: int, slot_ns: int) -> int:
    """How many slot boundaries from 0 to ``span_ns`` come in no interval [death, restart) of ``gaps``."""
    if span_ns < 0:
        return 0
    last = span_ns // slot_ns
    missed = 0
    for died, back in gaps:
        after = last + 1 if back < 0 else min(-(-back // slot_ns), last + 1)
        missed += max(0, after - -(-died // slot_ns))
    return last + 1 - missed


def lived_ns(run: RecordedRun, es: Es) -> int:
    """How long ``es`` lived during the run."""
    end = max(0, run.end_ns)
    gaps = ((died, end if back < 0 else back) for died, back in run.absences.get(es.name, ()))
    return end - sum(max(0, min(back, end) - min(died, end)) for died, back in gaps)
