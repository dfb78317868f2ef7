"""What each edge server did in a run (pure)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from testbed.model.energy import compute_energy_j
from testbed.model.ledger import Absence, absent
from testbed.model.statistics import mean
from testbed.model.system import Es
from testbed.protocol.rows import SlotRow, TaskRow
from testbed.record.reader import RecordedRun

S_PER_NS = 1e-9


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
    system = run.resolved.system
    over: defaultdict[int, set[str]] = defaultdict(set)
    span_ns = min(system.end_ns, run.end_ns)
    slots_of, tasks_of = defaultdict[str, list[SlotRow]](list), defaultdict[str, list[TaskRow]](list)
    cells = defaultdict[int, list[TaskRow]](list)
    for row in run.record.slots:
        slots_of[row.es].append(row)
        if row.over_threshold and row.at_ns <= system.end_ns:
            over[row.slot].add(row.es)
    for task in run.tasks:
        tasks_of[task.es].append(task)
        cells[task.cell].append(task)
    return {
        es.name: _one(run, es, slots_of[es.name], tasks_of[es.name], cells[es.index + 1], over, span_ns)
        for es in system.edge_servers
    }


def _one(
    run: RecordedRun,
    es: Es,
    recorded: list[SlotRow],
    there: list[TaskRow],
    own: list[TaskRow],
    over: Mapping[int, set[str]],
    span_ns: int,
) -> EsSummary:
    slots = [row for row in recorded if row.at_ns <= run.resolved.system.end_ns]
    here = [row for row in there if row.execution_ns > 0]
    slot_ns, gaps = run.resolved.system.slot_ns, run.absences.get(es.name, ())
    busy = {row.slot for row in slots if row.backlog_ns}
    idle = sum(
        _other(names, es.name) and slot not in busy and not absent(slot * slot_ns, gaps) for slot, names in over.items()
    )
    seen = boundaries_seen(gaps, span_ns, slot_ns)
    energy = sum(compute_energy_j(es.kappa, es.cpu_hz, row.cycles) for row in here)
    energy += compute_energy_j(es.kappa, es.cpu_hz, 1) * es.cpu_hz * in_vain_ns(recorded, here) * S_PER_NS
    return EsSummary(
        utilisation=sum(row.busy_ns for row in slots) / (es.cores * span_ns) if span_ns > 0 else 0.0,
        idle_while_other_over_threshold=idle / seen if seen else 0.0,
        energy_j=energy + es.idle_power_w * lived_ns(run, es) * S_PER_NS,
        executed=len(here),
        forwarded_in=sum(row.forwarded and row.cell != es.index + 1 for row in here),
        forwarded_out=sum(row.forwarded for row in own),
        rejected=sum(row.rejected for row in there),
        mean_wait_s=_mean_wait(here),
        max_waiting=max((row.waiting for row in slots), default=0),
    )


def in_vain_ns(slots: list[SlotRow], executed: list[TaskRow]) -> int:
    """Core time that an ES with these ``slots`` spent on tasks other than those it ``executed`` to their end: its own
    death, their UE's, or the end of the run came before; up to the last slot boundary that it saw."""
    seen_ns = max((row.at_ns for row in slots), default=0)
    useful = sum(max(0, min(row.end_ns, seen_ns) - row.start_ns) for row in executed)
    return max(0, sum(row.busy_ns for row in slots) - useful)


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


def _other(names: set[str], name: str) -> bool:
    """Whether ``names`` has another one than ``name``."""
    return len(names) > (name in names)


def _mean_wait(rows: list[TaskRow]) -> float:
    return mean([row.es_wait_ns * S_PER_NS for row in rows]) if rows else 0.0
