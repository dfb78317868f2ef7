"""What each edge server did in a run whose rows come in parts (pure)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from testbed.analysis.exact_sum import ExactSums
from testbed.analysis.figures import seconds
from testbed.model.energy import compute_energy_j
from testbed.model.ledger import Absence, absent
from testbed.model.system import Es, System
from testbed.protocol.rows import SlotRow, TaskRow
from testbed.protocol.table import ColumnTable


class ServerTally:
    """Sums over the rows of one ES, ``es``, which was away in ``gaps``; slots come boundary by boundary."""

    def __init__(self, system: System, es: Es, gaps: Sequence[Absence]) -> None:
        self._system, self._es, self._gaps = system, es, gaps
        self.busy_ns = self.busy_in_time_ns = self.idle = self.max_waiting = self.seen_ns = 0
        self.executed = self.forwarded_in = self.forwarded_out = self.rejected = 0
        self.useful_ns = 0
        self._later: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
        self._energy, self._waits = ExactSums(), ExactSums()

    def slots(self, slots: ColumnTable[SlotRow]) -> None:
        """Further slot boundaries, of all ESs."""
        of_this_es, in_time = slots.labels("es").are(self._es.name), slots.ints("at_ns") <= self._system.end_ns
        recorded, counted = slots.take(of_this_es), slots.take(of_this_es & in_time)
        over = np.unique(slots.ints("slot")[slots.flags("over_threshold") & in_time & ~of_this_es])
        idle = np.setdiff1d(over, counted.ints("slot")[counted.ints("backlog_ns") != 0]).tolist()
        self.idle += sum(not absent(slot * self._system.slot_ns, self._gaps) for slot in idle)
        self.busy_ns += int(recorded.ints("busy_ns").sum())
        self.busy_in_time_ns += int(counted.ints("busy_ns").sum())
        self.max_waiting = max(self.max_waiting, int(counted.ints("waiting").max(initial=0)))
        self.seen_ns = max(self.seen_ns, int(recorded.ints("at_ns").max(initial=0)))

    def tasks(self, tasks: ColumnTable[TaskRow]) -> None:
        """The last rows of further tasks, of all ESs."""
        there = tasks.labels("es").are(self._es.name)
        here = there & (tasks.ints("execution_ns") > 0)
        forwarded, own = tasks.flags("forwarded"), tasks.values("cell") == self._es.index + 1
        self.executed += int(here.sum())
        self.forwarded_in += int((here & forwarded & ~own).sum())
        self.forwarded_out += int((forwarded & own).sum())
        self.rejected += int((tasks.flags("rejected") & there).sum())
        self._waits.add(seconds(tasks.ints("es_wait_ns")[here]))
        a_cycle = compute_energy_j(self._es.kappa, self._es.cpu_hz, 1)
        self._energy.add(np.multiply(tasks.ints("cycles")[here], a_cycle, dtype=np.float64))
        self._later.append((tasks.ints("start_ns")[here], tasks.ints("end_ns")[here]))
        self._settle(self.seen_ns)

    def _settle(self, seen_ns: int) -> None:
        """Count executions that ended by the last boundary seen; of later ones the next boundary says more."""
        start, end = (np.concatenate(column) for column in zip(*self._later, strict=True))
        known = end <= seen_ns
        self.useful_ns += int((end - start)[known].sum())
        self._later = [(start[~known], end[~known])]

    def in_vain_ns(self) -> int:
        """Core time spent on other tasks than those that it executed to their end: its own death, their UE's, or the
        end of the run came before; up to the last slot boundary that it saw."""
        useful = self.useful_ns
        for start, end in self._later:
            useful += int(np.maximum(0, np.minimum(end, self.seen_ns) - start).sum())
        return max(0, self.busy_ns - useful)

    def energy_j(self) -> float:
        """Of all that it executed to its end."""
        return self._energy.total()

    def mean_wait_s(self) -> float:
        """Of what it executed; 0 of nothing."""
        return self._waits.mean() if self.executed else 0.0
